"use strict";
for (const form of document.querySelectorAll("form.upload")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const bar = form.querySelector("progress"), said = form.querySelector("output"), request = new XMLHttpRequest();
    const again = (text) => { bar.hidden = true; form.querySelector("button").disabled = false; said.textContent = text; };
    const megabytes = form.querySelector("input").files[0].size / 1048576, most = Number(form.dataset.most);
    if (megabytes > most) { again("文件有" + megabytes.toFixed(1) + "MB，超过上限" + most + "MB，请减小附件，或分几次报送。"); return; }
    form.querySelector("button").disabled = true;
    bar.hidden = false;
    request.upload.onprogress = (sent) => { bar.value = sent.loaded / sent.total; said.textContent = "已上传" + Math.floor(100 * bar.value) + "%"; };
    request.upload.onload = () => { bar.removeAttribute("value"); said.textContent = "正在核对，请稍候"; };
    request.onerror = () => again("网络中断，没有报送成功，请重试。");
    request.onload = () => {
      if (request.status === 200 && request.responseURL !== form.action) { location.assign(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      again((page.querySelector(".letter") || page.body).textContent.trim());
    };
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}
const scores = document.getElementById("scores");
if (scores) {
  let waiting = 0;
  const kept = document.getElementById("kept");
  const add = (card) => {
    const fields = [...card.querySelectorAll("input[data-maximum]")], total = card.querySelector(".total");
    if (!fields.length) return;
    const values = fields.map((field) => Number(field.value.trim()));
    fields.forEach((field, index) => field.classList.toggle("wrong", field.value.trim() !== "" && !(values[index] >= 0 && values[index] <= Number(field.dataset.maximum))));
    const whole = fields.every((field) => field.value.trim() !== "" && !field.classList.contains("wrong"));
    total.hidden = !whole;
    total.querySelector("output").textContent = Math.round(100 * values.reduce((sum, value) => sum + value, 0)) / 100;
  };
  const keep = async () => {
    try {
      const answer = await fetch(scores.dataset.draft, {method: "POST", body: new FormData(scores), headers: {accept: "application/json"}});
      if (kept) kept.textContent = answer.ok ? "已保存，尚未提交" : "没有保存成功";
    } catch { if (kept) kept.textContent = "网络中断，没有保存"; }
  };
  scores.addEventListener("input", (event) => {
    add(event.target.closest(".card"));
    clearTimeout(waiting);
    waiting = setTimeout(keep, 1500);
  });
  document.querySelectorAll("#scores .card").forEach(add);
}
