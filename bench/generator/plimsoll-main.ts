// Runs a load plan, given as JSON on argv, and prints its report as JSON.
import { type LoadPlan, runLoad } from '../../src/plan/load/index.ts'

const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan
process.stdout.write(`${JSON.stringify(await runLoad(plan))}\n`)
