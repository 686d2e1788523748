/* SPDX-License-Identifier: Apache-2.0 */
/*
 * national - the check digits of identity, tax, health and account numbers.
 *
 * All functions take a value in its normal form: without separators, in
 * capitals.
 */
#ifndef AGENT_DETECT_NATIONAL_H
#define AGENT_DETECT_NATIONAL_H

#include "agent/detect/validate.h"

/* clang-format off */
/*
 * Each number and its accept, so that the list of names is made of the same
 * rows. accept: share of 100,000 random values of the right shape that pass.
 */
#define NATIONAL_AMERICAS(X) \
	X(ar_cbu, 0.00995) \
	X(ar_cuit, 0.01007) \
	X(br_cnh, 0.00975) \
	X(br_cnpj, 0.01013) \
	X(br_pis, 0.09809) \
	X(ca_bn, 0.1) \
	X(ca_sin, 0.10121) \
	X(cl_rut, 0.09135) \
	X(co_nit, 0.09962) \
	X(ec_ci, 0.01832) \
	X(mx_clabe, 0.1011) \
	X(mx_curp, 0.00336) \
	X(mx_rfc, 0.03754) \
	X(pe_ruc, 0.00388) \
	X(us_aba, 0.03802) \
	X(us_dea, 0.0717) \
	X(us_ein, 0.82787) \
	X(us_itin, 0.04371) \
	X(us_mbi, 0.21801) \
	X(us_npi, 0.01979) \
	X(uy_rut, 0.00002) \
	X(ve_rif, 0.10132)

#define NATIONAL_EUROPE_WEST(X) \
	X(at_vnr, 0.0831) \
	X(be_nn, 0.01991) \
	X(ch_ahv, 0.10127) \
	X(de_document, 0.10031) \
	X(de_idnr, 0.00298) \
	X(de_lanr, 0.1) \
	X(de_kvnr, 0.09968) \
	X(de_rvnr, 0.00969) \
	X(de_vat, 0.08945) \
	X(es_cif, 0.09864) \
	X(es_nif, 0.03918) \
	X(fr_nir, 0.00785) \
	X(fr_siren, 0.10049) \
	X(fr_siret, 0.01052) \
	X(gb_driver, 0.07417) \
	X(gb_nhs, 0.09078) \
	X(gb_nino, 0.55408) \
	X(gb_utr, 0.1001) \
	X(ie_pps, 0.04374) \
	X(it_codice_fiscale, 0.01151) \
	X(it_iva, 0.0102) \
	X(lu_matricule, 0.00001) \
	X(nl_bsn, 0.09115) \
	X(pt_cc, 0.1) \
	X(pt_nif, 0.09044)

#define NATIONAL_EUROPE_EAST(X) \
	X(baltic, 0.00294) \
	X(bg_egn, 0.01117) \
	X(cz_rc, 0.01913) \
	X(dk_cpr, 0.03186) \
	X(dk_cvr, 0.08164) \
	X(fi_hetu, 0.00133) \
	X(hu_tax_id, 0.0909) \
	X(gr_afm, 0.10004) \
	X(gr_amka, 0.00373) \
	X(hr_oib, 0.10015) \
	X(is_kennitala, 0.00213) \
	X(lv_pk, 0.00198) \
	X(no_fnr, 0.00166) \
	X(no_orgnr, 0.09133) \
	X(pl_nip, 0.091) \
	X(pl_pesel, 0.01821) \
	X(pl_regon, 0.10127) \
	X(ro_cnp, 0.00304) \
	X(se_orgnr, 0.10106) \
	X(se_personnummer, 0.00715) \
	X(si_emso, 0.00342)

#define NATIONAL_WORLD(X) \
	X(ae_id, 0.0018) \
	X(au_abn, 0.01001) \
	X(au_acn, 0.09987) \
	X(au_medicare, 0.04365) \
	X(au_tfn, 0.08951) \
	X(il_id, 0.10016) \
	X(nz_ird, 0.01419) \
	X(ru_inn, 0.10153) \
	X(ru_snils, 0.00983) \
	X(sa_id, 0.02019) \
	X(tr_tckn, 0.00865) \
	X(ua_rntrc, 0.09795) \
	X(za_id, 0.00115)

#define NATIONAL_ASIA(X) \
	X(cn_org_code, 0.0909) \
	X(cn_uscc, 0.03269) \
	X(hk_id, 0.09051) \
	X(id_npwp, 0.1) \
	X(id_nik, 0.06321) \
	X(in_aadhaar, 0.07944) \
	X(in_epic, 0.09933) \
	X(in_gstin, 0.0108) \
	X(in_gstin_shape, 0.37833) \
	X(in_pan, 0.38329) \
	X(jp_corporate, 0.10009) \
	X(jp_my_number, 0.09937) \
	X(kr_brn, 0.09045) \
	X(kr_rrn, 0.00386) \
	X(kr_rrn_date, 0.03844) \
	X(my_nric, 0.03079) \
	X(sg_nric, 0.03789) \
	X(sg_uen, 0.03846) \
	X(th_pin, 0.08081) \
	X(vn_mst, 0.0909) \
	X(tw_id, 0.09982) \
	X(tw_ubn, 0.22007)

#define NATIONAL_GLOBAL(X) \
	X(imei, 0.09946) \
	X(isin, 0.09795) \
	X(lei, 0.00977) \
	X(mrz, 0.00103) \
	X(vin, 0.08957)

#define NATIONAL(X) \
	NATIONAL_AMERICAS(X) \
	NATIONAL_EUROPE_WEST(X) \
	NATIONAL_EUROPE_EAST(X) \
	NATIONAL_WORLD(X) \
	NATIONAL_ASIA(X) \
	NATIONAL_GLOBAL(X)
/* clang-format on */

/* national_find - the row of a name, or NULL. */
const struct validator *national_find(const char *name);

/* The rows of a region. @n: receives their number. */
const struct validator *national_americas(size_t *n);
const struct validator *national_europe_west(size_t *n);
const struct validator *national_europe_east(size_t *n);
const struct validator *national_world(size_t *n);
const struct validator *national_asia(size_t *n);
const struct validator *national_global(size_t *n);

#endif
