# Stands in for OpenWrt's rc.common, procd.sh and UCI when the init script is tested: every call that matters is
# written to the log, one per line. UCI options come from variables named uci_PACKAGE_SECTION_OPTION.

log() { printf '%s\n' "$*" >> "$STUB_LOG"; }
# Words are shown with their bounds, so that a test sees what is one argument.
words() {
	local line="$1"
	shift
	for word in "$@"; do line="$line [$word]"; done
	log "$line"
}

config_load() { UCI_PACKAGE=$1; }
config_get() {
	eval "stub_value=\${uci_${UCI_PACKAGE}_$2_$3-}"
	[ -n "$stub_value" ] || stub_value=${4-}
	eval "$1=\$stub_value"
}
config_get_bool() {
	config_get "$@"
	case "$stub_value" in
		1|on|true|yes|enabled) eval "$1=1" ;;
		0|off|false|no|disabled) eval "$1=0" ;;
		*) eval "$1=\${4-}" ;;
	esac
}
uci() { printf '%s\n' "${uci_system_zonename-}"; }
logger() { shift 4; words warning "$@"; }
chown() { words chown "$@"; }
network_get_ipaddr() {
	words network_get_ipaddr "$2"
	eval "$1=\${STUB_ADDRESS-}"
	[ -n "${STUB_ADDRESS-}" ]
}

for name in open_instance close_instance set_param append_param add_jail add_jail_mount add_jail_mount_rw \
	add_reload_trigger add_interface_trigger send_signal; do
	eval "procd_$name() { words $name \"\$@\"; }"
done

# What rc.common does with the functions of the script.
start() {
	log open_service
	start_service "$@"
	log "start_service returned $?"
	service_triggers
	log close_service
}
