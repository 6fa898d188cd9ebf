/** One saga: by its id, or by what it is about. */
export type SagaName = string | { readonly saga: string; readonly key: string }

/** A message to a saga. */
export interface NewSignal {
  readonly name: string
  /** @default nothing: `{}` */
  readonly payload?: unknown
  /** The same id twice is one signal. @default a new one */
  readonly id?: string
  /** Who sends it, for the audit trail. @default this process */
  readonly by?: string
}
