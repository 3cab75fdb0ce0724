export type Level = number;
