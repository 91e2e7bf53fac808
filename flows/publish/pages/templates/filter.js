(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const rows = [...document.querySelectorAll("[data-row]")].map((row) => ({ row, text: plain(row.textContent) }));
  const groups = [...document.querySelectorAll("[data-group]")];
  const words = form.elements.words;
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
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
