import { explainProblems, Problem, type ProblemKinds } from '../../kernel/index.ts'

/** What asking for a page can be answered with. */
export const pageProblems: ProblemKinds<'CURSOR_INVALID' | 'PAGE_SIZE_INVALID'> = explainProblems({
  CURSOR_INVALID: [
    400,
    'The cursor does not fit this request',
    'a cursor was changed, was cut off, or was made for another list, sort, filter, tenant or version of the ' +
    'service; `reason` says which',
    'Start again without a cursor, and pass cursors on as they were given, with the parameters they came from.',
  ],
  PAGE_SIZE_INVALID: [
    400,
    'The page size is not allowed',
    'the number of items asked for is no whole number from 1 to the stated maximum',
    'Ask for a page size within the `allowed` range, and follow the `next` cursor for the rest.',
  ],
})

/** Why a cursor is refused. */
export type CursorReason =
  | 'malformed'
  | 'forged'
  | 'other-list'
  | 'other-version'
  | 'other-sort'
  | 'other-filter'
  | 'other-tenant'

const details: Readonly<Record<CursorReason, string>> = {
  'malformed': 'it is not a whole cursor',
  'forged': 'its signature is not one of this service, or its key has been retired',
  'other-list': 'it was made for another list',
  'other-version': 'it was made by another version of the list',
  'other-sort': 'it was made for another sort order',
  'other-filter': 'it was made for other filters',
  'other-tenant': 'it was made for another tenant',
}

export function cursorInvalid (reason: CursorReason): Problem {
  return new Problem(pageProblems.CURSOR_INVALID, {
    detail: `the cursor cannot be used here: ${details[reason]}`,
    extensions: { reason },
  })
}

export function pageSizeInvalid (asked: unknown, maximum: number): Problem {
  return new Problem(pageProblems.PAGE_SIZE_INVALID, {
    detail: `the page size must be a whole number from 1 to ${maximum}, not ${String(asked).slice(0, 40)}`,
    extensions: { allowed: { minimum: 1, maximum } },
  })
}
