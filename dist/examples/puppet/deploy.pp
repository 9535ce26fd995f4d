# SPDX-License-Identifier: GPL-2.0-only
# FACTER_release=42 puppet apply deploy.pp
# Declares which release the clients have; it is deployed if it is another one.
$steps = $facts['canary'] ? { undef => '5%:1m,25%:5m', default => $facts['canary'] }
$watch = $facts['guard'] ? { undef => '5m', default => $facts['guard'] }
$why = "release ${facts['release']}"

exec { "deploy ${why}":
  command => "teal deploy web --yes --why '${why}' --run '${why}' --canary ${steps} --guard ${watch}",
  unless  => "teal history web --limit 1 --json | grep -q '\"why\": \"${why}\"'",
  path    => $facts['path'],
  timeout => 3600,
}
