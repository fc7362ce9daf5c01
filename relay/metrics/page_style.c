/* The page's style sheet. Text and lines have the contrast that WCAG 2.2 AA asks for, light and
 * dark; nothing is told by colour alone. */
#include "metrics/page_int.h"

static const char style[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1a1d21;--soft:#4a5260;--line:#767f8c;"
    "--grid:#d5dae0;--bar:#4a86c5;--link:#0b57a4}"
    "@media(prefers-color-scheme:dark){:root{--bg:#12161b;--fg:#e6e9ed;--soft:#aab3bf;"
    "--line:#7d8794;--grid:#333b45;--bar:#3f78b5;--link:#8ab8ee}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:52rem;padding:1rem;background:var(--bg);color:var(--fg);"
    "font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}"
    "header{display:flex;flex-wrap:wrap;gap:0 1rem;justify-content:space-between;"
    "align-items:baseline}"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.25rem;margin:2rem 0 .5rem}"
    "h3{font-size:1.0625rem;margin:1.5rem 0 0}p{margin:.25rem 0 .75rem;max-width:42rem}"
    "a{color:var(--link)}nav a,footer a{display:inline-block;padding:.25rem 0}"
    "summary{cursor:pointer;padding:.25rem 0}"
    "a:focus-visible,summary:focus-visible,div:focus-visible{outline:3px solid var(--link);"
    "outline-offset:2px}"
    "dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.125rem 1rem;margin:0}"
    "dt,figcaption p,footer{color:var(--soft)}footer{margin-top:2rem}dd{margin:0}figure{margin:0 0 "
    "1rem}"
    ".c{display:grid;grid-template-columns:max-content 1fr;gap:.25rem "
    ".5rem;margin-top:1.25rem;font-size:.875rem;"
    "font-variant-numeric:tabular-nums}"
    ".y,.x{display:flex;justify-content:space-between;color:var(--soft)}"
    ".y{flex-direction:column;text-align:right;line-height:1;margin:-.5em "
    "0}.x{grid-column:2;flex-wrap:wrap;gap:0 1rem}.x span+span{margin-left:auto}"
    "svg{display:block;width:100%;height:9rem;overflow:visible}"
    "svg path{vector-effect:non-scaling-stroke}.b{fill:var(--bar)}"
    ".e{fill:none;stroke:var(--fg);stroke-width:1.5px}.g{fill:none;stroke:var(--grid)}"
    ".z{fill:none;stroke:var(--line)}"
    ".s{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:.25rem .75rem .25rem 0;text-align:left;border-bottom:1px solid var(--grid);"
    "vertical-align:top}details tbody th{font-weight:400;white-space:nowrap}"
    "@media(max-width:30rem){dl{grid-template-columns:1fr 1fr}table{font-size:.875rem}"
    ".e{stroke-width:1px}}@media(max-width:20rem){dl{display:block}dd{margin:0 0 .5rem}}"
    "@media(forced-colors:active){.b{fill:Canvas}.b,.e,.z{stroke:CanvasText}}";

const char *page_style(void)
{
    return style;
}
