export default class {
  static #count = 0;
  static { this.#count ??= 1; }
}
export const later = await Promise.resolve(`a${1 + 1}b`);
