#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_required - what the shipped packs have to know: a line for each kind of
# secret, number and marking, with the detectors that see it. Each of them has
# a sample that it must find and one that it must not, and no detector is
# missing because somebody renamed it.
set -u
. "$SRC/tests/support/tap.sh"

list=$("$BIN/chaperone" rules list --json "$SRC/rules")
is $? 0 "the shipped rules are listed"

# KIND: DETECTOR…
while IFS=: read -r kind ids; do
	for id in $ids; do
		is "$(jq -c "select(.id == \"$id\") | .tests >= 3" <<<"$list")" \
			true "$kind: $id"
	done
done <<'END'
aws: secret.aws_access_key secret.aws_secret_key secret.aws_session_token secret.aws_bedrock_key
google: secret.service_account_json secret.gcp_api_key secret.google_oauth_secret secret.google_refresh_token
azure: secret.azure_storage_key secret.azure_sas secret.azure_ad_secret secret.azure_devops_pat
forges: secret.github_pat secret.gitlab secret.atlassian
registries: secret.npm secret.pypi secret.rubygems secret.docker_hub
models: secret.huggingface secret.openai secret.anthropic secret.databricks
messages: secret.slack secret.slack_webhook secret.telegram_bot secret.discord_bot secret.twilio secret.sendgrid secret.mailgun secret.mailchimp
shops: secret.stripe secret.shopify
hosts: secret.digitalocean secret.heroku secret.vault secret.terraform secret.grafana
clouds of China: secret.alibaba_key_id secret.tencent_key_id secret.huawei_key secret.wechat_appsecret secret.dingtalk secret.feishu secret.wecom
tokens: secret.jwt secret.kubeconfig secret.kubernetes_secret
keys: secret.private_key_pem secret.putty_key secret.age_key secret.wireguard
passwords in addresses: secret.url_password secret.dsn_password
stores: secret.netrc secret.pgpass secret.my_cnf secret.git_credentials secret.npmrc secret.docker_auth
hashes: secret.password_hash secret.ntlm_dump secret.htpasswd
generic: secret.generic_assignment secret.password_assignment secret.basic_auth secret.bearer_auth
wallets: secret.bitcoin_wif secret.mnemonic secret.ethereum_key
cards and accounts: pci.pan pci.track_data pci.card_security_code fin.iban fin.bic fin.isin fin.lei
devices and papers: pii.imei pii.vin pii.passport_mrz pii.mac_address pii.ip_address
contact: pii.email pii.phone_international pii.gps pii.date_of_birth
China: cn.resident_id cn.resident_id_15 cn.uscc cn.org_code cn.mobile cn.passport cn.hk_macau_permit cn.taiwan_permit cn.plate
Hong Kong and Taiwan: hk.hkid tw.national_id tw.ubn
Japan: jp.my_number jp.corporate_number jp.driver_licence jp.passport jp.bank_account
Korea: kr.rrn kr.brn kr.passport kr.driver_licence
India: in.aadhaar in.pan in.gstin in.epic in.ifsc in.upi in.plate
South-East Asia: sg.nric sg.uen my.nric th.pin id.nik id.npwp vn.cccd vn.mst ph.tin pk.cnic
Middle East and Africa: il.id ae.emirates_id sa.id tr.tckn za.id ng.nin
United States: us.ssn us.itin us.ein us.aba_routing us.bank_account us.passport us.driver_licence us.npi us.dea us.mbi us.mrn
Canada and Mexico: ca.sin mx.curp mx.rfc mx.clabe
South America: br.cpf br.cnpj br.cnh br.pis ar.cuit ar.cbu cl.rut co.nit pe.ruc ec.ci uy.rut
British Isles: gb.nino gb.nhs gb.utr gb.driver_licence gb.bank_account gb.passport gb.plate ie.pps
Germany: de.tax_id de.tax_number de.id_document de.pension de.health de.vat de.plate
France: fr.nir fr.siren fr.siret
Italy and Iberia: it.codice_fiscale it.iva es.nif es.cif pt.nif
Benelux and Alps: nl.bsn be.national_number at.svnr ch.ahv
North: se.personnummer no.fnr dk.cpr fi.hetu is.kennitala
East: pl.pesel pl.nip pl.regon cz.rodne_cislo hu.tax_id ro.cnp bg.egn gr.amka gr.afm hr.oib si.emso ee.isikukood lv.pk eu.vat
Oceania: au.tfn au.abn au.acn au.medicare nz.ird nz.nhi
Russia and Ukraine: ru.inn ru.snils ua.rntrc
files: file.keystore file.private_key file.database_dump file.database file.data_table file.core_dump file.disk_image file.mail_store file.packet_capture
designs: ip.cad_design ip.chip_design ip.model_weights ip.source_file
health: phi.icd10 us.mrn de.health
markings: marking.confidential marking.internal marking.banner marking.classified marking.classified_cn marking.tlp marking.mip_label
property: ip.proprietary_source ip.database_dump
END

# ---- markings in seven languages, and the label of a mail ----
dir=$(mktemp -d "${TMPDIR:-/tmp}/required-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
found() { # TEXT: the detectors that find something in it
	printf '%s' "$1" >"$dir/text"
	"$BIN/chaperone" scan --json --rules "$SRC/rules" "$dir/text" |
		jq -r 'select(.path) | .findings[].detector' | sort | paste -sd' '
}
while read -r text; do
	is "$(found "$text" | tr ' ' '\n' | grep -c '^marking\.')" 1 \
		"a marking: $text"
done <<'END'
STRICTLY CONFIDENTIAL
商业机密
社外秘
대외비
Streng vertraulich
Strictement confidentiel
Estrictamente confidencial
msip_labels: MSIP_Label_3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a11_Enabled=true
END
done_testing
