// Placeholder of the postinstall step: replaced by the fix-up of the native addon.
