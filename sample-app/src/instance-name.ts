/** The name of this process in the fleet. */
export const instanceName = process.env.INSTANCE ?? 'shop';
