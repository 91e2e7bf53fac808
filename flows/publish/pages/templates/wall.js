// Shows cases one after the other, for weeks, without ever loading the page again.
// Two layers take turns: the hidden one is filled, and comes in front only when its picture is decoded. New data take
// the place of the old ones only when every picture of theirs is decoded; until then, and for as long as nothing can
// be had, the old ones go on. Pictures stay in memory, so a server that is away is not missed.
// What to show may be said after the address: #season=2026&field=机械制造&numbers=2026-500103-0001,…&seconds=12
"use strict";
(() => {
  const asked = new URLSearchParams(location.hash.slice(1));
  const milliseconds = Number(asked.get("milliseconds")) || (Number(asked.get("seconds")) || 0) * 1000;
  const lookEvery = Number(asked.get("look")) || 60000;
  const wall = document.getElementById("wall");
  let data = null;      // what is shown
  let coming = "";      // the version that is being made ready
  let pictures = new Map();
  let place = -1;
  let refused = 0;

  // ---- the two layers; their elements are made once
  const layer = () => {
    const make = (name, className, parent) => {
      const element = document.createElement(name);
      element.className = className;
      parent.append(element);
      return element;
    };
    const root = document.createElement("section");
    const photo = make("div", "photo", root);
    const words = make("div", "words", root);
    const mark = make("p", "mark", words);
    const tier = make("span", "tier", mark);
    const about = make("span", "about", mark);
    const title = make("h1", "", words);
    const bodies = make("p", "line", words);
    const people = make("p", "line", words);
    const text = make("p", "text", words);
    const foot = make("div", "foot", words);
    const code = make("div", "code", foot);
    const scan = make("p", "scan", foot);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("fill", "#000");
    svg.append(path);
    code.append(svg);
    root.className = "slide";
    wall.append(root);
    return { root, photo, words, mark, tier, about, title, bodies, people, text, foot, code, scan, svg, path };
  };
  const layers = [layer(), layer()];
  let front = 0;

  const say = (element, words) => {
    element.textContent = words;
    element.classList.toggle("empty", !words);
  };

  const fill = (to, slide) => {
    const image = slide.picture ? pictures.get(slide.picture.file) : null;
    to.root.className = `slide ${slide.layout}${slide.title.length > 26 ? " long" : ""}`;
    to.photo.replaceChildren(...(image ? [image] : []));
    to.photo.classList.toggle("empty", !image);
    say(to.tier, slide.tier);
    say(to.about, slide.about);
    say(to.title, slide.title);
    say(to.bodies, slide.organisations);
    say(to.people, slide.people);
    say(to.text, slide.text);
    to.foot.classList.toggle("empty", !slide.code);
    if (slide.code) {
      to.svg.setAttribute("viewBox", `0 0 ${slide.code.size} ${slide.code.size}`);
      to.path.setAttribute("d", slide.code.path);
    }
    say(to.scan, slide.code ? `扫码看全文\n${slide.number}` : "");
    fit(to, slide.text);
    return image;
  };

  // What does not fit goes: of the text clause by clause from its end, then names. Title and number always stay.
  const fit = (to, text) => {
    const over = () => to.text.scrollHeight > to.text.clientHeight + 1 || to.words.scrollHeight > to.words.clientHeight + 1;
    let left = text;
    while (left && over()) {
      const end = Math.max(...["。", "；", "，"].map((sign) => left.slice(0, -1).lastIndexOf(sign)));
      left = end > 12 ? left.slice(0, end + 1) : "";
      say(to.text, left.endsWith("。") || !left ? left : `${left.slice(0, -1)}……`);
    }
    for (const element of [to.people, to.bodies]) {
      if (over()) {
        say(element, "");
      }
    }
  };

  // ---- the loop
  const rest = (time) => new Promise((done) => setTimeout(done, time));
  const within = (promise, time) => Promise.race([promise, rest(time).then(() => { throw new Error("late"); })]);

  const show = async (slide) => {
    const back = layers[1 - front];
    const image = fill(back, slide);
    if (image) {
      await within(image.decode(), 15000);
    }
    back.root.classList.toggle("fading", dwell() >= 3000);
    back.root.classList.add("shown");
    wall.append(back.root);
    layers[front].root.classList.remove("shown", "fading");
    for (const start of wall.querySelectorAll(".start")) {
      start.remove();
    }
    front = 1 - front;
  };

  const dwell = () => milliseconds || data.seconds * 1000;

  const play = async () => {
    for (;;) {
      if (data && data.slides.length) {
        place = (place + 1) % data.slides.length;
        try {
          await show(data.slides[place]);
          window.wallShown = (window.wallShown || 0) + 1;
        } catch (problem) {
          window.wallSkipped = (window.wallSkipped || 0) + 1; // the slide in front stays
        }
      }
      await rest(data ? dwell() : 200);
    }
  };

  // ---- new data
  const wanted = (slide) => {
    const numbers = (asked.get("numbers") || "").split(",").filter(Boolean);
    return (!asked.get("season") || String(slide.season) === asked.get("season"))
      && (!asked.get("field") || slide.field === asked.get("field"))
      && (!numbers.length || numbers.includes(slide.number));
  };

  const chosen = (slides) => {
    const numbers = (asked.get("numbers") || "").split(",").filter(Boolean);
    const found = slides.filter(wanted);
    return numbers.length ? found.sort((one, other) => numbers.indexOf(one.number) - numbers.indexOf(other.number)) : found;
  };

  const decoded = async (file) => {
    const known = pictures.get(file);
    if (known) {
      return known;
    }
    const image = new Image();
    image.src = refused ? `${file}?${refused}` : file; // a browser remembers that a file was broken
    await within(image.decode(), 30000);
    return image;
  };

  window.wallData = async (next) => {
    if (next.version !== coming) {
      return;
    }
    try {
      const slides = chosen(next.slides);
      const ready = new Map();
      for (const slide of slides) {
        if (slide.picture && !ready.has(slide.picture.file)) {
          const image = await decoded(slide.picture.file);
          image.alt = slide.picture.alt;
          ready.set(slide.picture.file, image);
        }
      }
      if (slides.length) {
        // From here on nothing can fail: the next slide is of the new data.
        const shown = data && data.slides[place];
        data = { ...next, slides };
        pictures = ready;
        place = shown ? slides.findIndex((slide) => slide.number === shown.number && slide.layout === shown.layout) : -1;
        window.wallVersion = next.version;
      }
    } catch (problem) {
      refused += 1; // tried again when it is looked for next
      window.wallNotReady = refused;
    }
    coming = "";
  };

  window.wallNow = (version) => {
    if (version !== coming && (!data || data.version !== version)) {
      coming = version;
      load(`data.js?${version}`, () => { coming = ""; });
    }
  };

  const load = (address, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => script.remove();
    script.onerror = () => { script.remove(); failed(); };
    document.head.append(script);
  };

  let looked = 0;
  const look = () => {
    performance.clearResourceTimings(); // else the browser keeps a note of every file that it asked for
    if (!coming) {
      looked += 1;
      load(`now.js?${looked}`, () => {});
    }
    setTimeout(look, data ? lookEvery : Math.min(lookEvery, 2000));
  };

  look();
  play();
})();
