#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# deploy.sh RELEASE: brings a release of the service web to the clients, or leaves everything as it was.
# 'release' is yours: it installs and starts what it is told on the backends in $TEAL_BACKENDS, those of $TEAL_COLOR.
set -u
release=${1:?write it as: deploy.sh RELEASE}

teal deploy web --yes --why "release $release" \
	--run "release $release" \
	--smoke "sh -c 'for b in \$TEAL_BACKENDS; do curl -sf http://\$b/healthz || exit 1; done'" \
	--canary "${CANARY:-5%:1m,25%:5m}" \
	--guard "${GUARD:-5m}"
code=$?

case $code in
0) echo "release $release has all new connections" ;;
3) echo "release $release was refused: 'teal history web' tells why" ;;
4) echo "release $release was not ready in time" ;;
*) echo "release $release could not be deployed: 'teal status web' tells where it stands" ;;
esac >&2
exit $code
