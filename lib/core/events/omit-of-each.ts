/** `Omit` of each type of a union; by itself it makes one of them all. */
export type OmitOfEach<T, Name extends PropertyKey> = T extends unknown ? Omit<T, Name> : never;
