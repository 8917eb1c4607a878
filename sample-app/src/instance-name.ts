/** What this process is called in the fleet. */
export const instanceName = process.env.INSTANCE ?? 'shop';
