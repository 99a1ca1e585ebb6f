"""The look of report.html."""

STYLE = """\
:root {
  --paper: #ffffff; --ink: #1c1c1c; --faded: #666666; --line: #dddddd; --card: #f5f5f5;
  --bar: #b8bcc4; --reject: #b3261e; --review: #8a5a00; --keep: #1b7f3b; --note: #55606e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #e6e6e6; --faded: #9a9fa8; --line: #33373e; --card: #20242a;
    --bar: #59606b; --reject: #ff8a80; --review: #ffc266; --keep: #7bd88f; --note: #a9b4c2;
  }
}
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; }
small, .none { color: var(--faded); }
a { color: inherit; }
table { border-collapse: collapse; }
td, th {
  padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: middle;
  border-bottom: 1px solid var(--line);
}
td { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
code { background: var(--card); padding: .1rem .3rem; border-radius: 3px; }
.figures { display: flex; flex-wrap: wrap; gap: .6rem; margin: 0; }
.figures div { background: var(--card); border-radius: 6px; padding: .5rem .9rem; min-width: 6rem; }
.figures dt { color: var(--faded); }
.figures dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.figures dd small { font-size: .8rem; }
.keep dd { color: var(--keep); }
.tier { font-size: .8rem; font-weight: 600; }
.tier.reject, .figures .reject dd { color: var(--reject); }
.tier.review, .figures .review dd { color: var(--review); }
.tier.note { color: var(--note); }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; align-items: flex-start; }
.groups { display: flex; flex-wrap: wrap; gap: 1rem; }
.group { padding: .5rem; background: var(--card); border-radius: 6px; }
figure { margin: 0; width: 96px; border: 3px solid transparent; }
figure.kept { border-color: var(--keep); }
figure.kept figcaption { color: var(--keep); }
figure img { display: block; width: 96px; height: 96px; outline: 1px solid var(--line); }
.none {
  display: flex; width: 96px; height: 96px; align-items: center; justify-content: center;
  text-align: center; background: var(--card); font-size: .8rem;
}
figcaption { font-size: .75rem; line-height: 1.3; overflow-wrap: anywhere; color: var(--faded); }
svg { display: block; fill: var(--bar); }
svg .bad { fill: var(--reject); }
svg line { stroke: var(--ink); stroke-dasharray: 3 2; }
svg text { fill: var(--faded); font-size: 10px; }
svg .end { text-anchor: end; }
@media print {
  main { max-width: none; }
  section, .group, figure { break-inside: avoid; }
}
"""
