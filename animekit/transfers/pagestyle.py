"""How the page of a transfer looks, and the few lines that make its sliders."""

STYLE = """\
:root { --paper: #ffffff; --ink: #1c1c1c; --faded: #666666; --line: #dddddd; --card: #f5f5f5; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e6e6e6; --faded: #9a9fa8; --line: #33373e; --card: #20242a; }
}
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif;
}
main { max-width: 1200px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.6rem 0 .4rem; overflow-wrap: anywhere; }
small, figcaption { color: var(--faded); }
a { color: inherit; }
.rows { display: flex; flex-wrap: wrap; gap: 0 2rem; }
section { max-width: 100%; }
.row { display: flex; flex-wrap: wrap; gap: .8rem; align-items: flex-start; }
.pair { display: flex; flex-wrap: wrap; gap: .8rem; max-width: 100%; }
figure { margin: 0; max-width: min(100%, 360px); }
img, video {
  display: block; max-width: 100%; height: auto; max-height: 512px;
  background: repeating-conic-gradient(var(--card) 0 25%, transparent 0 50%) 0 / 16px 16px;
}
figcaption { font-size: .8rem; }
button { font: inherit; padding: .1rem .7rem; }
input[type=range] { display: none; width: 100%; margin: .2rem 0 0; grid-area: 2 / 1; }
.slide .pair:has(input) { display: grid; }
.slide .pair:has(input) figure { grid-area: 1 / 1; }
.slide .pair:has(input) figcaption { visibility: hidden; }
.slide .pair .after img { clip-path: inset(0 0 0 var(--x, 50%)); }
.slide .pair input[type=range] { display: block; max-width: 360px; }
@media print { main { max-width: none; } section { break-inside: avoid; } }
"""

SCRIPT = """
const root = document.documentElement, toggle = document.getElementById("toggle");
for (const pair of document.querySelectorAll(".pair")) {
  if (!pair.querySelector(".before") || !pair.querySelector(".after img")) continue;
  const slider = document.createElement("input");
  slider.type = "range";
  slider.value = 50;
  slider.setAttribute("aria-label", "share of the input that is shown");
  slider.oninput = () => pair.style.setProperty("--x", slider.value + "%");
  pair.append(slider);
}
toggle.hidden = !document.querySelector("input[type=range]");
toggle.onclick = () => {
  toggle.textContent = root.classList.toggle("slide") ? "side by side" : "slider";
};
"""
