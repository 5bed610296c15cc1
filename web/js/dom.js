/** Helpers to find and create elements. */

/** @param {string} id @returns {HTMLElement} */
export const byId = (id) => document.getElementById(id);

/**
 * make("p", { class: "ll-small" }, "text", otherElement)
 * Functions among the properties become listeners; false, null and undefined omit the property.
 */
export function make(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === undefined || value === null) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

/** A bar whose length is a share of its track. The content security policy forbids style attributes but allows the CSSOM. */
export function bar(share, properties = {}) {
  const node = make("span", { class: "ll-bar", "aria-hidden": "true", ...properties }, make("span"));
  node.firstChild.style.setProperty("inline-size", `${Math.max(0.5, 100 * share)}%`);
  return node;
}

/** Show one of several elements and hide the others. */
export function only(shown, all) {
  for (const node of all) node.hidden = node !== shown;
}
