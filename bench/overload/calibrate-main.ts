// Prints how many iterations of PBKDF2 take a millisecond on the core that this runs on.
import { calibrate } from './work.ts'

calibrate() // the first time includes what is made once
process.stdout.write(`${calibrate()}\n`)
