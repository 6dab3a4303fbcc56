#!/usr/bin/env bash
# Makes the certificates of src/mls/x509.fixture.ts, in the current directory: NAME.der, and NAME.key, whose last 32 bytes
# in DER are the seed.
set -euo pipefail

# NAME SUBJECT ISSUER EXTENSIONS SERIAL
certify() {
  openssl genpkey -algorithm ed25519 -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
  printf "$4" >"$1.ext"
  local signer=(-signkey "$1.key")
  if [ "$3" != self ]; then
    openssl x509 -inform DER -in "$3.der" -out "$3.pem"
    signer=(-CA "$3.pem" -CAkey "$3.key")
  fi
  openssl x509 -req -in "$1.csr" "${signer[@]}" -days 36500 -extfile "$1.ext" -set_serial "$5" -outform DER -out "$1.der"
}

authority="basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"
end="basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
certify root Root self "$authority" 1
certify intermediate Intermediate root "$authority" 2
certify alice alice intermediate "$end" 3
certify bob bob intermediate "$end" 4
certify otherRoot Root self "$authority" 5
certify otherAlice alice otherRoot "$end" 6
certify sub sub bob "$end" 7
certify carol carol intermediate "$end" 8
