/** What a check says when it is content; it throws when it is not. */
export type Verdict = string | { readonly skipped: string }
