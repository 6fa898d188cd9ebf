export { acceptMessagePack, readsMessagePack } from './accept-bodies.ts'
export { type ChosenFormat, type Format, FormatChooser, jsonType, messagePackTypes } from './formats.ts'
export { packMessage, readJsonExactly, unpackMessage } from './message-pack.ts'
