import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram, type OutcomeReport, type RequestReport } from '../../src/plan/load/index.ts'
import { answeredShare, figuresOf, sumOfOthers } from './figures.ts'

function outcome (name: string, latencies: readonly number[]): OutcomeReport {
  const histogram = new Histogram()
  for (const ms of latencies) histogram.record(ms)
  return {
    outcome: name,
    count: latencies.length,
    latency: { histogram: histogram.toData() },
  } as OutcomeReport
}

function request (name: string, outcomes: readonly OutcomeReport[]): RequestReport {
  return { name, outcomes } as RequestReport
}

const report = {
  measuredMs: 2_000,
  requests: [
    request('a', [outcome('200', [10, 100, 251]), outcome('503', [1, 2])]),
    request('b', [outcome('200', [20]), outcome('timeout', [1_000]), outcome('reset', [5, 6])]),
  ],
}

test('only a 200 within 250 ms is good, and rates are over the measured time', () => {
  const figures = figuresOf(report)
  assert.equal(figures.sent, 9)
  assert.equal(figures.admitted, 4)
  assert.equal(figures.good, 3)
  assert.equal(figures.goodPerSecond, 1.5)
  assert.equal(figures.offeredPerSecond, 4.5)
  assert.equal(figures.admittedP99Ms, 251)
})

test('what is neither 200 nor 503 is counted by its kind, of the requests that were asked for', () => {
  assert.deepEqual(figuresOf(report).others, { timeout: 1, reset: 2 })
  const { sent, refused, refusedP99Ms, others } = figuresOf(report, (name) => name === 'a')
  assert.deepEqual({ sent, refused, refusedP99Ms, others }, {
    sent: 5,
    refused: 2,
    refusedP99Ms: 2,
    others: {},
  })
})

test('a time-out is a refusal without an answer; where all were served there is none', () => {
  assert.equal(answeredShare(figuresOf(report)), 2 / 5)
  assert.equal(answeredShare(figuresOf(report, (name) => name === 'a')), 1)
  const served = { measuredMs: 1_000, requests: [request('c', [outcome('200', [1])])] }
  assert.equal(answeredShare(figuresOf(served)), 1)
})

test('what became of the others is summed over rounds', () => {
  const figures = figuresOf(report)
  assert.deepEqual(sumOfOthers([figures, figures]), { timeout: 2, reset: 4 })
})
