/** Where each instance serves the dashboard. */
export const dashboardPath = '/locks';
