#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# labelled - the shipped detectors over labelled examples: how many true ones
# they find, and how many near misses they take for true.
#
# The floors are a little below what was measured when they were set; what the
# rules cannot do yet (a key in base64, a token that is none by its standard)
# is left in the counts. A table of all counts goes to the log.
set -u
. "$SRC/tests/support/tap.sh"
data=${CHAPERONE_SHARED:-}/data/detect
[ -n "${CHAPERONE_SHARED:-}" ] && [ -d "$data" ] ||
	skip_all "no labelled examples (CHAPERONE_SHARED)"

dir=$(mktemp -d "${TMPDIR:-/tmp}/labelled-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/in"

# A rule of the examples, and the detector that must see it.
cat >"$dir/map" <<'END'
cn.bank_card pci.pan
credit_card pci.pan
iban fin.iban
es.iban fin.iban
no.iban fin.iban
cn.ric cn.resident_id
cn.resident_id cn.resident_id
us.ssn us.ssn
us_ssn us.ssn
br.cpf br.cpf
email pii.email
aws-access-token secret.aws_access_key
np.aws.1 secret.aws_access_key
github-app-token secret.github_pat
github-oauth secret.github_pat
github-pat secret.github_pat
github-refresh-token secret.github_pat
np.github.1 secret.github_pat
np.github.2 secret.github_pat
np.github.3 secret.github_pat
private-key secret.private_key_pem
np.pem.1 secret.private_key_pem
jwt secret.jwt
np.jwt.1 secret.jwt
generic-api-key secret.generic_assignment
np.generic.1 secret.generic_assignment
np.generic.5 secret.generic_assignment
cn.uscc cn.uscc
cn.mobile cn.mobile
br.cnpj br.cnpj
de.idnr de.tax_id
de.vat de.vat
fr.nir fr.nir
no.fodselsnummer no.fnr
pl.pesel pl.pesel
ro.cnp ro.cnp
se.personnummer se.personnummer
fi.hetu fi.hetu
ch.ssn ch.ahv
za.idnr za.id
mx.curp mx.curp
ar.cuit ar.cuit
in_.aadhaar in.aadhaar
gitlab-pat secret.gitlab
slack-bot-token secret.slack
stripe-access-token secret.stripe
shopify-access-token secret.shopify
pypi-upload-token secret.pypi
huggingface-access-token secret.huggingface
sendgrid-api-token secret.sendgrid
telegram-bot-api-token secret.telegram_bot
digitalocean-pat secret.digitalocean
postman-api-token secret.postman
END

# One line an example: number, detector, label, and its text in base64.
for f in "$data"/*.jsonl "$data"/*.jsonl.gz; do
	[ -e "$f" ] && zcat -f "$f"
done | jq -r --rawfile map "$dir/map" '
	($map | split("\n") | map(split(" ") | select(length == 2) |
		{(.[0]): .[1]}) | add) as $of |
	select($of[.rule] != null) |
	[$of[.rule], .label[0:4], (.text | @base64)] | @tsv' >"$dir/list"
n=0
while IFS=$'\t' read -r detector label text; do
	n=$((n + 1))
	printf '%s' "$text" | base64 -d >"$dir/in/$n"
	printf '%s %s %s\n' "$n" "$detector" "$label"
done <"$dir/list" >"$dir/labels"
[ "$n" -gt 500 ]
ok $? "there are examples ($n)"

"$BIN/chaperone" scan --json --rules "$SRC/rules" "$dir/in" >"$dir/out"
is "$?" 1 "they are scanned"
jq -r '(.path | split("/") | last) as $n | .findings[] |
	"\($n) \(.detector)"' "$dir/out" | sort -u >"$dir/hits"
# DETECTOR LABEL HITS ALL
awk 'NR == FNR { hit[$1 " " $2] = 1; next }
	{ key = $2 " " $3; all[key]++; found[key] += ($1 " " $2) in hit }
	END { for (k in all) print k, found[k], all[k] }' \
	"$dir/hits" "$dir/labels" | sort >"$dir/counts"
tap_say "$(cat "$dir/counts")"

share() { # DETECTOR LABEL
	awk -v d="$1" -v l="$2" '$1 == d && $2 == l {
		printf "%d", $3 * 100 / $4; f = 1 } END { if (!f) print -1 }' \
		"$dir/counts"
}
# Per cent: true ones found at least, near misses taken at most.
while read -r detector least most; do
	got=$(share "$detector" posi)
	[ "$got" -ge "$least" ]
	ok $? "$detector finds $got % of the true ones ($least wanted)"
	got=$(share "$detector" nega)
	[ "$got" -le "$most" ]
	ok $? "$detector takes $got % of the near misses ($most allowed)"
done <<'END'
br.cpf 100 0
cn.resident_id 80 0
fin.iban 100 0
pci.pan 95 0
pii.email 100 0
secret.aws_access_key 95 0
secret.generic_assignment 80 12
secret.github_pat 98 0
secret.jwt 45 0
secret.private_key_pem 95 0
us.ssn 90 0
ar.cuit 95 0
br.cnpj 95 0
ch.ahv 95 0
cn.mobile 95 0
cn.uscc 95 0
de.tax_id 95 0
de.vat 85 0
fi.hetu 90 0
fr.nir 85 0
in.aadhaar 95 0
mx.curp 95 0
no.fnr 95 0
pl.pesel 95 0
ro.cnp 85 0
se.personnummer 90 0
za.id 95 0
secret.telegram_bot 95 15
secret.stripe 95 0
END
for detector in cn.mobile cn.resident_id cn.uscc pci.pan; do
	is "$(share "$detector" weak)" 100 \
		"$detector: a true value in a wrong context is not dropped"
done
done_testing
