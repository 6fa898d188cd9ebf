/** What a step adds to the data, or replaces in them; nothing for nothing. */
export type Patch<Data> = Partial<Data> | void | undefined
