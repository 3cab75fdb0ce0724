export const rows: number[] = [1, 2];
