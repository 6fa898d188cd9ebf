export { conclude, type Conclusion, type RunState } from './conclusion.ts'
export { type ReportDocument, reportDocument, reportVersion, type RunHead } from './document.ts'
export { showBytes, showMs, showPerSecond, showShare } from './format.ts'
export { type Highlight, reportText } from './text.ts'
