#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# labels - sensitivity labels where documents carry them: Office files of both
# forms, OpenDocument, PDF, mail; those that were taken off; and labels as
# evidence for what stands in the document, in front of them.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/labels-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
mkdir rules in
cp "$SRC/rules/markings.yaml" rules

python3 - <<'END' || exit 2
import zipfile, zlib
ID = "3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a11"
SITE = "9a1d0c53-7b1e-4d0b-9a52-6d2f1f0f4a10"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TYPES = XML + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
TEXT = XML + ('<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    '<w:body><w:p><w:r><w:t>Project Zebra</w:t></w:r></w:p></w:body></w:document>')

def custom(**values):
    return XML + ('<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
        'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">' +
        "".join('<property fmtid="{D5CDD505-2E9C-101B-9397-08002B2CF9AE}" pid="%d" name="MSIP_Label_%s_%s">'
            '<vt:lpwstr>%s</vt:lpwstr></property>' % (i + 2, ID, k, v)
            for i, (k, v) in enumerate(values.items())) + '</Properties>')

def info(enabled, removed):
    return XML + ('<clbl:labelList xmlns:clbl="http://schemas.microsoft.com/office/2020/mipLabelMetadata">'
        '<clbl:label id="{%s}" enabled="%d" method="Privileged" siteId="{%s}" contentBits="0" removed="%d" />'
        '</clbl:labelList>' % (ID.upper(), enabled, SITE, removed))

def office(name, **parts):
    with zipfile.ZipFile("in/" + name, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", TYPES)
        z.writestr("word/document.xml", TEXT)
        for k, v in parts.items():
            z.writestr({"custom": "docProps/custom.xml", "info": "docMetadata/LabelInfo.xml"}[k], v)

on = dict(Enabled="true", SetDate="2026-03-02T10:00:00Z", Method="Privileged",
    Name="Secret &amp; Board", SiteId=SITE, ContentBits="8")
office("custom.docx", custom=custom(**on))
office("custom-off.docx", custom=custom(**dict(on, Enabled="false")))
office("info.docx", info=info(1, 0))
office("info-off.docx", info=info(0, 1))
office("info-removed.docx", info=info(1, 1))
office("plain.docx")
with zipfile.ZipFile("in/outer.zip", "w") as z:
    z.write("in/custom.docx", "deep/a.docx")
    z.write("in/plain.docx", "deep/b.docx")
with zipfile.ZipFile("in/writer.odt", "w") as z:
    z.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    z.writestr("meta.xml", XML + '<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta>'
        '<meta:user-defined meta:name="MSIP_Label_%s_Enabled">true</meta:user-defined>'
        '</office:meta></office:document-meta>' % ID)

def pdf(name, props="", xmp=None):
    objects = ["<< /Type /Catalog /Pages 2 0 R %s >>" % ("/Metadata 5 0 R" if xmp else ""),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
        "<< /Title (Zebra) %s >>" % props]
    if xmp:
        objects.append("<< /Type /Metadata /Subtype /XML /Length %d >>\nstream\n%s\nendstream" % (len(xmp), xmp))
    out, at = b"%PDF-1.7\n", []
    for i, o in enumerate(objects):
        at.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i + 1, o.encode())
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % a for a in at)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    open("in/" + name, "wb").write(out)

key = "/MSIP_Label_%s_" % ID
pdf("info.pdf", key + "Enabled (true) " + key + "Name <feff00530065006300720065007400200026002000420061006e006b>")
pdf("info-off.pdf", key + "Enabled (False) " + key + "Name (Secret)")
pdf("xmp.pdf", xmp='<?xpacket begin="\ufeff" id="W5M0"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>'
    '<rdf:Description xmlns:pdfx="http://ns.adobe.com/pdfx/1.3/"><pdfx:MSIP_Label_{0}_Enabled>true</pdfx:MSIP_Label_{0}_Enabled>'
    '</rdf:Description></rdf:RDF></x:xmpmeta>'.format(ID).encode("ascii", "xmlcharrefreplace").decode())

def mail(name, enabled, body):
    with open("in/" + name, "w", newline="") as f:
        f.write("From: a@example.org\r\nTo: b@example.org\r\nSubject: Zebra\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\n"
            "msip_labels: MSIP_Label_{0}_Enabled={1};\r\n MSIP_Label_{0}_SetDate=2026-03-02T10:00:00Z; \r\n"
            " MSIP_Label_{0}_Method=Standard;MSIP_Label_{0}_Name=Secret -\r\n Board;\r\n MSIP_Label_{0}_SiteId={2};\r\n"
            "\r\n{3}\r\n".format(ID, enabled, SITE, body))

mail("on.eml", "True", "Project Zebra")
mail("off.eml", "false", "Project Zebra")
mail("quotes.eml", "false", "msip_labels: MSIP_Label_%s_Enabled=true" % ID)
END

# ---- the shipped rule ----
timeout 300 "$BIN/chaperone" scan --json --rules rules in >out
where() { # DETECTOR: the files and members with findings of it
	jq -rs --arg d "$1" '[.[] | select(.path) | (.path | split("/") | last) as $f |
		.findings[] | select(.detector == $d) |
		"\($f)!\(.member) \(.confidence)"] | sort | .[]' out
}
is "$(where marking.mip_label)" "$(sort <<'END'
custom.docx!docProps/custom.xml high
info.docx!docMetadata/LabelInfo.xml high
info.pdf!properties high
on.eml!headers high
outer.zip!deep/a.docx!docProps/custom.xml high
writer.odt!meta.xml high
xmp.pdf!metadata 5 high
END
)" "a label where documents carry it, and none that was taken off"
is "$(where marking.mip_text)" "$(sort <<'END'
on.eml!headers low
quotes.eml!body low
END
)" "a text about a label is low"
is "$(jq -rs '[.[].findings[]? | select(.detector == "marking.mip_label") | .spans // [] | length] | add' out)" 0 \
	"a label has no place in a text"

# ---- conditions, and labels as evidence ----
detector() { # ID N PRIMARY LEVELS
	printf '  - {id: t.%s, uuid: 00000000-0000-4000-8000-00000000000%s, title: T, class: t, references: [t],\n' "$1" "$2"
	printf '     primary: {%s}, levels: [%s], tests: [{text: zebra, expect: none}]}\n' "$3" "$4"
}
any='{confidence: high, all: []}'
rm rules/*
{
	printf 'pack: {id: t, version: 1.0.0, format: 1}\ndetectors:\n'
	detector name 1 'label: {scheme: mip, name: ["secret & b*", "secret - board"]}' "$any"
	detector other 2 'label: {scheme: mip, name: Public}' "$any"
	detector id 3 'label: {scheme: mip, id: 3F1E7C1A-9D55-4B5E-8A0F-0C2B7D9E6A11}' "$any"
	detector wrong 4 'label: {scheme: mip, id: 00000000-9d55-4b5e-8a0f-0c2b7d9e6a11}' "$any"
	detector site 5 'label: {scheme: mip, site: 9a1d0c53-7b1e-4d0b-9a52-6d2f1f0f4a10}' "$any"
	detector off 6 'label: {scheme: mip, enabled: false}' "$any"
	detector zebra 7 'pattern: "Project Zebra"' \
		'{confidence: high, all: [{label: {scheme: mip}}]}, {confidence: low, all: []}'
} >rules/t.yaml
timeout 300 "$BIN/chaperone" scan --json --rules rules in >out
files() { where "$1" | sed 's/!.*//' | sort -u | paste -sd' '; }
is "$(files t.name)" "custom.docx info.pdf on.eml outer.zip" "by its name, whatever its case"
is "$(files t.other)" "" "by another name"
is "$(files t.id)" "custom.docx info.docx info.pdf on.eml outer.zip writer.odt xmp.pdf" "by its id"
is "$(files t.wrong)" "" "by another id"
is "$(files t.site)" "custom.docx info.docx on.eml outer.zip" "by the organisation"
is "$(files t.off)" "custom-off.docx info-off.docx info-off.pdf info-removed.docx off.eml quotes.eml" \
	"what was taken off, if a rule asks for it"
is "$(where t.zebra)" "$(sort <<'END'
custom-off.docx!word/document.xml low
custom.docx!word/document.xml high
info-off.docx!word/document.xml low
info-removed.docx!word/document.xml low
info.docx!word/document.xml high
off.eml!body low
on.eml!body high
outer.zip!deep/a.docx!word/document.xml high
outer.zip!deep/b.docx!word/document.xml low
plain.docx!word/document.xml low
END
)" "a label is evidence in its own document alone"

# ---- faults ----
fault() { # PRIMARY: what check says
	{
		printf 'pack: {id: t, version: 1.0.0, format: 1}\ndetectors:\n'
		detector one 1 "$1" "$any"
	} >rules/t.yaml
	"$BIN/chaperone" rules check rules 2>&1 | grep -o '(unknown-key)\|a GUID is\|needs "scheme\|takes nothing' | head -n 1
}
is "$(fault 'label: {scheme: mip, id: 3f1e}')" "a GUID is" "an id is a GUID"
is "$(fault 'label: {name: x}')" 'needs "scheme' "the scheme is named"
is "$(fault 'label: {scheme: mip, nam: x}')" "(unknown-key)" "keys are known"
is "$(fault 'label: {scheme: mip}, boundary: none')" "takes nothing" "nothing beside it"
done_testing
