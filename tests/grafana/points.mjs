// What Prometheus answers for one series, as Grafana's data source shows it: a value that is no finite number (a quantile
// of an endpoint without requests is NaN) is a gap.

/** The times in milliseconds and the values, null where there is a gap; null for a series that has nothing but gaps. */
export function points(values) {
  const numbers = values.map(([, value]) => Number(value)).map((number) => (Number.isFinite(number) ? number : null));
  if (numbers.every((number) => number === null)) return null;
  return { times: values.map(([at]) => at * 1000), numbers };
}
