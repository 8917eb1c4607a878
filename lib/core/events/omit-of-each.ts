/** `Omit` for each type of a union. Plain `Omit` merges them into one type. */
export type OmitOfEach<T, Name extends PropertyKey> = T extends unknown ? Omit<T, Name> : never;
