import { type ExplainedProblemKind, explainProblems } from '../../kernel/index.ts'

export const projectionProblems: Readonly<Record<'PROJECTION_TOKEN_INVALID', ExplainedProblemKind>> =
  explainProblems({
    PROJECTION_TOKEN_INVALID: [
      400,
      'The token is not valid',
      'a request asks for what it has written by a token that no write has answered',
      'Pass on the token of the write unchanged, or leave it out.',
    ],
  })
