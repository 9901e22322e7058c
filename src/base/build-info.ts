/** Version and commit of this build; put in by the bundler. */
declare const SLUICE_VERSION: string | undefined;
declare const SLUICE_COMMIT: string | undefined;

export const VERSION: string = typeof SLUICE_VERSION === "string" ? SLUICE_VERSION : "0.0.0";
export const COMMIT: string = typeof SLUICE_COMMIT === "string" ? SLUICE_COMMIT : "unknown";
