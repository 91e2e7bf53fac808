// The list of cases: filters that live in the address, counts for every value, and a search over shards of pairs and longer runs.
// Data files are scripts that call GC: so all of it works from a folder too, and under a policy that admits 'self' alone.
(() => {
  const form = document.getElementById("finder");
  if (!form) return;
  const found = document.getElementById("found");
  const list = document.getElementById("results");
  const more = document.getElementById("more");
  const all = document.getElementById("all");
  const FACETS = ["season", "tier", "category", "district", "field", "carrier"];
  const STEP = 50;
  const CHUNK = 128;
  const MOST = 4;
  const seasons = new Map(GC.seasons.map((season) => [season.year, season]));
  const waiting = new Map();
  const loaded = new Map();
  let simplified = null;
  let shown = STEP;
  let asked = 0;

  // One row a case, the newest season first: [season, index, number, {facet: value}].
  const rows = [];
  for (const season of [...GC.seasons].sort((one, other) => other.year - one.year)) {
    let index = 0;
    for (const [unit, places] of season.units) {
      let place = 0;
      for (const step of places.split(" ")) {
        place += parseInt(step, 36);
        const facet = {
          season: String(season.year),
          tier: GC.words.tier[season.tier[index]],
          category: GC.words.category[season.category[index]] || "",
          carrier: GC.words.carrier[season.carrier[index]] || "",
          field: season.fields[parseInt(season.field[index], 36)] || "",
          district: season.districts[unit],
        };
        const number = `${season.year}-${unit}-${String(place).padStart(4, "0")}`;
        rows.push({ season, index, number, facet, revoked: season.revoked.includes(index) });
        index += 1;
      }
    }
  }

  const load = (path) => {
    if (!loaded.has(path)) {
      loaded.set(path, new Promise((done) => {
        const script = document.createElement("script");
        script.src = path;
        script.onload = () => done(true);
        script.onerror = () => { loaded.delete(path); done(false); };
        document.head.append(script);
      }));
    }
    return loaded.get(path);
  };
  const keep = (name, version, year, value) => {
    // A newer release was put out since this page was opened: begin again with it.
    if (seasons.get(year).version !== version) location.reload();
    else waiting.set(name, value);
  };
  GC.titles = (year, version, chunk, value) => keep(`t/${year}/${chunk}`, version, year, value);
  GC.shard = (year, version, shard, value, rows) => keep(`s/${year}/${shard}`, version, year, [value, rows.split(",")]);
  GC.simplified = (from, to) => {
    const signs = [...to];
    simplified = new Map([...from].map((sign, at) => [sign, signs[at]]));
  };

  const plain = (text) => [...text.normalize("NFKC").toLowerCase()].map((sign) => simplified.get(sign) || sign).join("");
  const indexes = (told) => {
    let at = -1;
    return new Set((told ? told.split(" ") : []).map((step) => (at += parseInt(step, 36))));
  };
  // Of a run of signs within a word: which cases have it. One and two signs have lists of their own; three share a row
  // with others, in the shard of their first two.
  const postings = async (season, run) => {
    const points = run.map((sign) => sign.codePointAt(0));
    const shard = (points[0] * 31 + (points[1] || 0)) % season.shards;
    const name = `s/${season.year}/${shard}`;
    if (!waiting.has(name)) await load(`data/${season.year}/s${shard}.js?${season.version}`);
    const [grams, rows] = waiting.get(name) || [{}, [""]];
    if (run.length < 3) return indexes(grams[run.join("")]);
    const hashed = points.reduce((sum, point) => sum * 31 + point, 0) % 65521;
    return indexes(rows[((hashed * 22) % 65521) % rows.length]);
  };
  // Indexes of a season whose text has the runs of two and three signs of a word. Of a long one they are taken here and
  // there: each comes in a file of its own, and that many are hardly ever together but in the word.
  const having = async (season, word) => {
    const signs = [...word];
    const last = Math.max(signs.length - 2, 0);
    const places = new Set([...Array(MOST + 1).keys()].map((part) => Math.round((last * part) / MOST)));
    const runs = [...places].flatMap((at) => [signs.slice(at, at + 2), signs.slice(at, at + 3)]);
    const sets = await Promise.all(runs.map((run) => postings(season, run)));
    sets.sort((one, other) => one.size - other.size);
    return new Set([...sets[0]].filter((index) => sets.every((set) => set.has(index))));
  };
  const search = async (query) => {
    if (!simplified) await load("data/simplified.js");
    const words = plain(query).split(/\s+/).filter(Boolean);
    const hits = await Promise.all([...seasons.values()].map(async (season) =>
      [season, await Promise.all(words.map((word) => having(season, word)))]));
    const by = new Map(hits);
    return (row) => words.every((word, at) => by.get(row.season)[at].has(row.index) || row.number.includes(word));
  };

  const wanted = () => new URLSearchParams(location.hash.slice(1));
  const fits = (row, state, but) =>
    FACETS.every((facet) => facet === but || !state.get(facet) || row.facet[facet] === state.get(facet));
  const text = (name, words, options) => Object.assign(document.createElement(name), { textContent: words, ...options });

  const offer = (state, matching) => {
    for (const facet of FACETS) {
      const counts = new Map();
      for (const row of matching) {
        const value = row.facet[facet];
        if (value && fits(row, state, facet)) counts.set(value, (counts.get(value) || 0) + 1);
      }
      const known = new Set(rows.map((row) => row.facet[facet]).filter(Boolean));
      const order = GC.order[facet] || [...known].sort((one, other) => (facet === "season" ? other - one : one.localeCompare(other, "zh")));
      const select = form.elements[facet];
      select.replaceChildren(text("option", "全部", { value: "" }), ...order.filter((value) => known.has(value)).map((value) =>
        text("option", `${value}（${counts.get(value) || 0}）`, { value })));
      select.value = state.get(facet) || "";
    }
  };

  const draw = async (chosen, turn) => {
    const part = chosen.slice(0, shown);
    const chunks = new Set(part.map((row) => `${row.season.year}/${Math.floor(row.index / CHUNK)}`));
    await Promise.all([...chunks].map((name) => {
      const [year, chunk] = name.split("/");
      return waiting.has(`t/${name}`) || load(`data/${year}/t${chunk}.js?${seasons.get(Number(year)).version}`);
    }));
    if (turn !== asked) return;
    const items = part.map((row) => {
      const [title, organisation] = (waiting.get(`t/${row.season.year}/${Math.floor(row.index / CHUNK)}`) || [])[row.index % CHUNK] || [row.number, ""];
      const item = document.createElement("li");
      const said = [row.number, row.revoked ? "获奖已撤销" : row.facet.tier, organisation, row.facet.district];
      item.append(text("a", title, { href: `${row.number}/index.html` }), text("p", said.filter(Boolean).join("　")));
      return item;
    });
    const hits = document.createElement("ol");
    hits.className = "hits";
    hits.append(...items);
    list.replaceChildren(hits);
    more.hidden = chosen.length <= shown;
  };

  const apply = async () => {
    const turn = (asked += 1);
    const state = wanted();
    const query = state.get("q") || "";
    if (document.activeElement !== form.elements.q) form.elements.q.value = query;
    const matches = query.trim() ? await search(query) : () => true;
    if (turn !== asked) return;
    const matching = rows.filter(matches);
    offer(state, matching);
    const chosen = matching.filter((row) => fits(row, state));
    const narrowed = [...state.values()].some(Boolean);
    found.textContent = chosen.length || !rows.length
      ? `${narrowed ? "符合条件" : "共"} ${chosen.length} 项${narrowed ? `，全部 ${rows.length} 项` : ""}`
      : "没有符合条件的案例。可以试试：减少检索词，或者只用其中两三个字；去掉一个筛选条件；检索单位简称、区县名称或者编号的一部分。";
    all.hidden = narrowed;
    await draw(chosen, turn);
    form.dataset.done = String(turn);
  };

  const say = (replace) => {
    const state = new URLSearchParams();
    for (const name of ["q", ...FACETS]) if (form.elements[name].value) state.set(name, form.elements[name].value);
    shown = STEP;
    const address = `#${state}`;
    if (address === (location.hash || "#")) apply();
    else if (replace) location.replace(address);
    else location.hash = address;
  };
  let pause = 0;
  form.elements.q.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(() => say(true), 120); });
  for (const facet of FACETS) form.elements[facet].addEventListener("change", () => say(false));
  form.addEventListener("submit", (event) => { event.preventDefault(); say(false); });
  form.addEventListener("reset", (event) => { event.preventDefault(); shown = STEP; form.elements.q.value = ""; location.hash = "#"; apply(); });
  more.addEventListener("click", () => { shown += STEP; apply(); });
  window.addEventListener("hashchange", () => { shown = STEP; apply(); });
  form.hidden = rows.length === 0;
  if (rows.length) { offer(wanted(), rows); apply(); }
})();
