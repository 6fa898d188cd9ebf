import { explainProblems, Problem, type ProblemKinds } from '../../kernel/index.ts'

/** What a resource can answer, besides those of pages (`pageProblems`). */
export const resourceProblems: ProblemKinds<
  | 'RESOURCE_PARAMETER_UNKNOWN'
  | 'RESOURCE_VALUE_INVALID'
  | 'RESOURCE_SORT_UNKNOWN'
  | 'RESOURCE_FIELD_UNKNOWN'
  | 'RESOURCE_EXPANSION_REFUSED'
  | 'RESOURCE_NOT_FOUND'
  | 'RESOURCE_CHANGED'
  | 'IF_MATCH_REQUIRED'
> = explainProblems({
  RESOURCE_PARAMETER_UNKNOWN: [
    400,
    'A query parameter is unknown',
    'a resource is asked with a query parameter that it does not have, such as a filter that is not declared',
    'Use the parameters under `allowed`; a filter is written `name=value` or `name[operator]=value`.',
  ],
  RESOURCE_VALUE_INVALID: [
    400,
    'A value does not fit its parameter',
    'a filter or an id is no value of its type, or a parameter is given more often or with more values than it may',
    'Send a value of the type that `detail` names.',
  ],
  RESOURCE_SORT_UNKNOWN: [
    400,
    'The list cannot be sorted like that',
    '`sort` is none of the orders that the list offers',
    'Use one of the orders under `allowed`.',
  ],
  RESOURCE_FIELD_UNKNOWN: [
    400,
    'A field is unknown',
    '`fields` names something that the resource, or the expansion it is in, does not have',
    'Name fields under `allowed`, with commas and no blanks between them.',
  ],
  RESOURCE_EXPANSION_REFUSED: [
    400,
    'The expansion is refused',
    '`expand` names an unknown relation, goes too deep, comes back to where it started, or would read too many rows; ' +
    '`reason` says which',
    'Ask for less: relations under `allowed`, fewer levels, or a smaller page.',
  ],
  RESOURCE_NOT_FOUND: [
    404,
    'There is no such item',
    'no item of the resource has the given id',
    'Check the id; the item may have been deleted.',
  ],
  RESOURCE_CHANGED: [
    412,
    'The item has been changed since it was read',
    'the `ETag` in `If-Match` is not that of the item as it is now',
    'Read the item again, and repeat the change on what it has become.',
  ],
  IF_MATCH_REQUIRED: [
    428,
    'The change needs an If-Match header',
    'an item that others may change, too, is changed without saying which state of it is meant',
    'Read the item, and send its `ETag` as `If-Match`.',
  ],
})

const longestShown = 60

/** What a client sent, fit to be shown to it again. */
export function shown (text: string): string {
  return JSON.stringify(text.length > longestShown ? `${text.slice(0, longestShown)}...` : text)
}

export function parameterUnknown (name: string, allowed: readonly string[]): Problem {
  return new Problem(resourceProblems.RESOURCE_PARAMETER_UNKNOWN, {
    detail: `${shown(name)} is not a parameter of this resource`,
    extensions: { allowed },
  })
}

/** @param rule to follow "must be" */
export function valueInvalid (parameter: string, rule: string, value: string): Problem {
  return new Problem(resourceProblems.RESOURCE_VALUE_INVALID, {
    detail: `${parameter} must be ${rule}, not ${shown(value)}`,
    extensions: { parameter },
  })
}

export function sortUnknown (sort: string, allowed: readonly string[]): Problem {
  return new Problem(resourceProblems.RESOURCE_SORT_UNKNOWN, {
    detail: `the list cannot be sorted by ${shown(sort)}`,
    extensions: { allowed },
  })
}

/** @param place what the field is looked for in, e.g. `product` or `product.category` */
export function fieldUnknown (field: string, place: string, allowed: readonly string[]): Problem {
  return new Problem(resourceProblems.RESOURCE_FIELD_UNKNOWN, {
    detail: `${place} has no field ${shown(field)}`,
    extensions: { allowed },
  })
}

export type ExpansionReason = 'unknown' | 'depth' | 'cycle' | 'cost'

/** @param allowed names for `unknown`, the largest number otherwise; undefined where there is nothing to choose */
export function expansionRefused (
  reason: ExpansionReason,
  detail: string,
  allowed: readonly string[] | number | undefined
): Problem {
  return new Problem(resourceProblems.RESOURCE_EXPANSION_REFUSED, {
    detail,
    extensions: { reason, ...allowed === undefined ? {} : { allowed } },
  })
}

export function notFound (name: string, id: string): Problem {
  return new Problem(resourceProblems.RESOURCE_NOT_FOUND, {
    detail: `there is no ${name} with the id ${shown(id)}`,
  })
}
