/** Makes the error for a parameter that no column can hold on every engine. */
export const noColumnTakes = (value: unknown): TypeError =>
  new TypeError(
    `a column takes text, a number, a boolean, bytes or null, not ${Object.prototype.toString.call(value)}; store a date as milliseconds and an object as JSON text`,
  );
