/** Whether what takes minutes and shows little that others do not is run as well: `npm run test:long`. */
export const runsLongTests = process.env.LONG_TESTS === "true";
