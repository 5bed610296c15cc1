/** The picture has to go to the server; `reason` says why, for a text of the page. */
export class Elsewhere extends Error {
  constructor(reason, detail = "") {
    super(detail || reason);
    this.reason = reason;
  }
}
