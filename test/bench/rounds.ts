/**
 * Measures each candidate once a round, so that other load on the machine affects all alike. The order
 * alternates, so that none always runs after the same one. The first rounds warm up and do not count.
 */
export async function measureInRounds<Candidate, Sample>(
  candidates: readonly Candidate[],
  rounds: number,
  measure: (candidate: Candidate) => Promise<Sample>,
  warmUps = 1,
): Promise<Map<Candidate, Sample[]>> {
  const samples = new Map<Candidate, Sample[]>(candidates.map((candidate) => [candidate, []]));
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const candidate of round % 2 === 0 ? candidates : candidates.toReversed()) {
      const sample = await measure(candidate);
      if (round >= warmUps) samples.get(candidate)?.push(sample);
    }
  }
  return samples;
}
