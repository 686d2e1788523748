/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national - the check digits of identity, tax, health and account numbers.
 */
#ifndef AGENT_DETECT_NATIONAL_H
#define AGENT_DETECT_NATIONAL_H

#include "agent/detect/validate.h"

/* clang-format off */
/*
 * NATIONAL - each number and its accept, so that the list of names is made of
 * the same rows. accept: share of 100,000 random values of the right shape
 * that pass.
 */
#define NATIONAL(X) \
	X(ae_id, 0.0002) \
	X(ar_cbu, 0.01) \
	X(ar_cuit, 0.01) \
	X(at_vnr, 0.082) \
	X(au_abn, 0.0096) \
	X(au_acn, 0.1) \
	X(au_medicare, 0.045) \
	X(au_tfn, 0.091) \
	X(baltic, 0.0027) \
	X(be_nn, 0.02) \
	X(bg_egn, 0.011) \
	X(br_cnh, 0.011) \
	X(br_cnpj, 0.01) \
	X(br_pis, 0.1) \
	X(ca_sin, 0.1) \
	X(ch_ahv, 0.0001) \
	X(cl_rut, 0.091) \
	X(cn_uscc, 0.033) \
	X(co_nit, 0.091) \
	X(cz_rc, 0.019) \
	X(de_document, 0.1) \
	X(de_idnr, 0.0035) \
	X(de_kvnr, 0.1) \
	X(de_rvnr, 0.0096) \
	X(de_vat, 0.09) \
	X(dk_cpr, 0.031) \
	X(dk_cvr, 0.082) \
	X(ec_ci, 0.018) \
	X(es_cif, 0.055) \
	X(es_nif, 0.044) \
	X(fi_hetu, 0.0012) \
	X(fr_nir, 0.006) \
	X(fr_siren, 0.1) \
	X(fr_siret, 0.01) \
	X(gb_driver, 0.08) \
	X(gb_nhs, 0.091) \
	X(gb_nino, 0.6) \
	X(gb_utr, 0.1) \
	X(gr_afm, 0.1) \
	X(gr_amka, 0.0036) \
	X(hk_id, 0.091) \
	X(hr_oib, 0.1) \
	X(id_nik, 0.05) \
	X(ie_pps, 0.044) \
	X(il_id, 0.1) \
	X(imei, 0.1) \
	X(in_aadhaar, 0.08) \
	X(in_epic, 0.1) \
	X(in_gstin, 0.011) \
	X(in_gstin_shape, 0.4) \
	X(in_pan, 0.38) \
	X(is_kennitala, 0.0018) \
	X(isin, 0.1) \
	X(it_codice_fiscale, 0.012) \
	X(it_iva, 0.0104) \
	X(jp_corporate, 0.1) \
	X(jp_my_number, 0.1) \
	X(kr_brn, 0.09) \
	X(kr_rrn, 0.0037) \
	X(kr_rrn_date, 0.0365) \
	X(lei, 0.0104) \
	X(lv_pk, 0.002) \
	X(mrz, 0.001) \
	X(mx_clabe, 0.1) \
	X(mx_curp, 0.004) \
	X(mx_rfc, 0.037) \
	X(my_nric, 0.031) \
	X(nl_bsn, 0.09) \
	X(no_fnr, 0.0009) \
	X(no_orgnr, 0.091) \
	X(nz_ird, 0.013) \
	X(pe_ruc, 0.004) \
	X(pl_nip, 0.092) \
	X(pl_pesel, 0.018) \
	X(pl_regon, 0.1) \
	X(pt_nif, 0.09) \
	X(ro_cnp, 0.0033) \
	X(ru_inn, 0.1) \
	X(ru_snils, 0.01) \
	X(sa_id, 0.02) \
	X(se_orgnr, 0.1) \
	X(se_personnummer, 0.0073) \
	X(sg_nric, 0.039) \
	X(si_emso, 0.0033) \
	X(th_pin, 0.08) \
	X(tr_tckn, 0.009) \
	X(tw_id, 0.1) \
	X(tw_ubn, 0.22) \
	X(ua_rntrc, 0.1) \
	X(us_aba, 0.038) \
	X(us_dea, 0.065) \
	X(us_ein, 0.83) \
	X(us_itin, 0.044) \
	X(us_mbi, 0.3) \
	X(us_npi, 0.02) \
	X(uy_rut, 0.0002) \
	X(ve_rif, 0.1) \
	X(vin, 0.06) \
	X(za_id, 0.0011)
/* clang-format on */

/*
 * national_validators - the rows of this file, sorted by name.
 * @n: receives their number. All take a value in its normal form: without
 * separators, in capitals.
 */
const struct validator *national_validators(size_t *n);

#endif
