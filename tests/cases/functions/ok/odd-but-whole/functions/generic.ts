type Pair<K extends string, V = unknown> = readonly [K, V];
export const first = <K extends string>([key]: Pair<K>): K => key satisfies string;
export enum Level { Low = 1 }
export default abstract class Box<T> { declare value: T; }
