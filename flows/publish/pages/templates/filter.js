(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const rows = [...document.querySelectorAll("[data-row]")].map((row) => ({ row, text: plain(row.textContent) }));
  const groups = [...document.querySelectorAll("[data-group]")];
  const words = form.elements.q;
  const tier = form.elements.tier;
  const output = form.querySelector("output");
  const apply = () => {
    const wanted = plain(words.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text } of rows) {
      const fits = (!tier.value || row.dataset.row === tier.value) && wanted.every((word) => text.includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const group of groups) group.hidden = !group.querySelector("[data-row]:not([hidden])");
    const active = wanted.length > 0 || tier.value !== "";
    form.classList.toggle("active", active);
    output.textContent = active ? `符合条件 ${shown} 项，共 ${rows.length} 项` : `共 ${rows.length} 项`;
  };
  // What is looked for stands in the address; a link to a heading of the page leaves it as it is.
  const read = () => {
    if (location.hash && !location.hash.includes("=")) return;
    const state = new URLSearchParams(location.hash.slice(1));
    words.value = state.get("q") || "";
    tier.value = state.get("tier") || "";
    apply();
  };
  const say = () => {
    const state = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", String(state) ? `#${state}` : location.pathname + location.search);
    apply();
  };
  form.addEventListener("input", say);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", read);
  form.hidden = false;
  apply();
  read();
})();
