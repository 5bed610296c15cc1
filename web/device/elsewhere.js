/** The picture has to go to the server; `reason` selects the page's text that says why. */
export class Elsewhere extends Error {
  constructor(reason, detail = "") {
    super(detail || reason);
    this.reason = reason;
  }
}
