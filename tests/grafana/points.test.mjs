import assert from "node:assert/strict";
import test from "node:test";
import { points } from "./points.mjs";

test("a value that is no finite number is a gap", () => {
  const answered = [[1, "0.5"], [2, "NaN"], [3, "+Inf"], [4, "-Inf"], [5, "0"], [6, "1e-3"]];
  assert.deepEqual(points(answered), {
    times: [1000, 2000, 3000, 4000, 5000, 6000],
    numbers: [0.5, null, null, null, 0, 0.001],
  });
});

test("an idle endpoint, all of whose values are NaN, is not drawn", () => {
  assert.equal(points([[1, "NaN"], [2, "NaN"]]), null);
  assert.equal(points([]), null);
});
