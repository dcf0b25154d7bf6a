#!/bin/sh
# dpkg calls this with "remove", "purge" and other words; rpm with 0 on removal and 1 on
# an upgrade. rpm has no purge: the user and the secrets remain.
set -eu

case "${1:-}" in
remove | purge | 0)
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
	fi
	;;
esac

if [ "${1:-}" = purge ]; then
	rm -rf /var/lib/twilio_exporter # the state that storage.path keeps
	rm -rf /etc/twilio_exporter # the secrets do not belong to the package
	# The user owns no files, so no file can pass to a later user with the same ID.
	if getent passwd twilio_exporter >/dev/null; then
		userdel twilio_exporter
	fi
	if getent group twilio_exporter >/dev/null; then
		groupdel twilio_exporter
	fi
fi
