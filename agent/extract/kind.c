/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind - what a member is to somebody who guards it, by its first block.
 *
 * Owns: the words for kinds, and for each the bytes that tell it with the
 * place where they are laid down.
 * Never: looks at a name; decides whether bytes are examined.
 *
 * A magic of under five bytes is not enough: such a line has a function that
 * asks for more of the format's structure.
 */
#include "agent/extract/kind.h"

#include <string.h>

#include "lib/own.h"

#define SECTOR 512
#define LINE_MAX_BYTES 4096

struct kind_magic {
	const char *kind;
	size_t at, len;
	const char *bytes;
	/* NULL, or what must hold beside them. */
	bool (*more)(const uint8_t *p, size_t len);
	const char *source;
};

static uint32_t
u32le(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static uint32_t
u32be(const uint8_t *p)
{
	return p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[0] << 24;
}

static bool
printable(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] > '~')
			return false;
	return true;
}

static bool
holds(const uint8_t *p, size_t len, const char *text)
{
	return memmem(p, len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES, text,
		   strlen(text)) != NULL;
}

/* ---- keys and their stores ----------------------------------------------- */

/*
 * The head of a DER sequence of definite length: where its content begins, or
 * 0. The length must be one that a file can have.
 */
static size_t
der_sequence(const uint8_t *p, size_t len, size_t at)
{
	size_t n;

	if (len < at + 8 || p[at] != 0x30)
		return 0;
	if (p[at + 1] < 0x80)
		return at + 2;
	n = p[at + 1] & 0x7f;
	return n >= 1 && n <= 4 ? at + 2 + n : n == 0 ? at + 2 : 0;
}

static bool
bytes_at(const uint8_t *p, size_t len, size_t at, const char *b, size_t n)
{
	return len >= at && len - at >= n && memcmp(p + at, b, n) == 0;
}

/* PFX: version 3, then content that is data or signed (RFC 7292, 4). */
static bool
pkcs12(const uint8_t *p, size_t len)
{
	static const char OID[] = "\6\t\x2a\x86\x48\x86\xf7\x0d\1\7";
	size_t at = der_sequence(p, len, 0);

	if (at == 0 || !bytes_at(p, len, at, "\2\1\3", 3))
		return false;
	at = der_sequence(p, len, at + 3);
	return at > 0 && bytes_at(p, len, at, OID, sizeof OID - 1) &&
	       len > at + 10 && (p[at + 10] == 1 || p[at + 10] == 2);
}

/*
 * A private key as it is in DER: PKCS #8 (RFC 5208, 5: version 0 or 1, then an
 * algorithm whose name is one of keys), PKCS #1 (RFC 8017, A.1.2: version 0,
 * then a modulus of 64 bytes at least) or SEC 1 (RFC 5915, 3: version 1, then
 * an octet string of a key's length and a curve).
 */
static bool
der_key(const uint8_t *p, size_t len)
{
	static const struct {
		const char *oid;
		size_t len;
	} KEYS[] = {{"\6\t\x2a\x86\x48\x86\xf7\x0d\1\1", 10}, /* RSA */
	    {"\6\7\x2a\x86\x48\xce\x3d\2\1", 9}, /* EC */
	    {"\6\7\x2a\x86\x48\xce\x38\4\1", 9}, /* DSA */
	    {"\6\3\x2b\x65", 4}}; /* RFC 8410: 112 to 113 */
	size_t at = der_sequence(p, len, 0), in;

	if (at == 0 || at + 10 > len || p[at] != 2 || p[at + 1] != 1 ||
	    p[at + 2] > 1)
		return false;
	in = at + 3;
	if (p[at + 2] == 1 && p[in] == 4 && p[in + 1] >= 28 && p[in + 1] <= 66)
		return len > in + 2 + p[in + 1] + 4 &&
		       p[in + 2 + p[in + 1]] == 0xa0;
	if (p[at + 2] == 0 && p[in] == 2 && p[in + 1] == 0x82)
		return p[in + 2] == 1 || p[in + 2] == 2 || p[in + 2] == 4;
	if (p[at + 2] == 0 && p[in] == 2 && p[in + 1] == 0x81)
		return p[in + 2] >= 0x41;
	in = der_sequence(p, len, in);
	for (size_t i = 0; in > 0 && i < ARRAY_LEN(KEYS); i++)
		if (bytes_at(p, len, in, KEYS[i].oid, KEYS[i].len))
			return true;
	return false;
}

/* A secret-key packet, version 4, of a time of this century (RFC 9580, 5.5). */
static bool
pgp_key(const uint8_t *p, size_t len)
{
	size_t at = 3;

	if (len < 64 || (p[0] != 0x95 && p[0] != 0xc5))
		return false;
	if (p[0] == 0xc5)
		at = p[1] < 192 ? 2 : 3;
	return p[at] == 4 && u32be(p + at + 1) > 820454400 &&
	       u32be(p + at + 1) < 4102444800 &&
	       (p[at + 5] == 1 || p[at + 5] == 17 || p[at + 5] == 19 ||
		   p[at + 5] == 22);
}

static bool
age_key(const uint8_t *p, size_t len)
{
	return holds(p, len, "\nAGE-SECRET-KEY-1");
}

static bool
private_pem(const uint8_t *p, size_t len)
{
	const uint8_t *end = memchr(p, '\n', len < 80 ? len : 80);

	return end != NULL &&
	       memmem(p, (size_t)(end - p), "PRIVATE KEY-----", 16) != NULL &&
	       memmem(p, (size_t)(end - p), "OPENSSH", 7) == NULL;
}

static bool
password_safe(const uint8_t *p, size_t len)
{
	/* Salt of 32 random bytes, then the count of iterations, at least 2048
	 * (formatV3, 2.3). */
	return len >= 152 && u32le(p + 36) >= 2048 && u32le(p + 36) < 1 << 26 &&
	       !printable(p + 4, 32);
}

/* Version, then a salt of twenty bytes, and iterations (BcKeyStoreSpi). */
static bool
bks(const uint8_t *p, size_t len)
{
	return len >= 64 && u32be(p + 28) >= 1024 && u32be(p + 28) < 1 << 20;
}

/* ---- databases ----------------------------------------------------------- */

static bool
redis(const uint8_t *p, size_t len)
{
	return len > 9 && p[5] == '0' && p[6] == '0' && p[7] >= '0' &&
	       p[7] <= '9' && p[8] >= '0' && p[8] <= '9';
}

/* Of a btree, a hash, a queue: the version behind the magic (db_page.h). */
static bool
berkeley(const uint8_t *p, size_t len)
{
	return len >= SECTOR && ((u32le(p + 16) > 0 && u32le(p + 16) <= 16) ||
				    (u32be(p + 16) > 0 && u32be(p + 16) <= 16));
}

static bool
lmdb(const uint8_t *p, size_t len)
{
	return len >= 4096 && u32le(p + 20) == 1;
}

/* The state and the checksum stand before the signature; then a format. */
static bool
ese(const uint8_t *p, size_t len)
{
	return len >= 4096 && u32le(p + 8) == 0x620 && u32le(p + 12) <= 1;
}

static bool
ldif(const uint8_t *p, size_t len)
{
	const uint8_t *line = memchr(p, '\n', len < 1024 ? len : 1024);

	return line != NULL && (holds(p, len, "\nobjectClass:") ||
				   holds(p, len, "\nobjectclass:"));
}

/* "TAPE", of Windows NT and with a format of version 1 (MTF 1.00a, 3.1). */
static bool
tape(const uint8_t *p, size_t len)
{
	return len >= 1024 && p[10] == 14;
}

/* ---- memory and disks ---------------------------------------------------- */

/* e_type is ET_CORE, of either order (ELF-64 1.5, 4). */
static bool
elf_core(const uint8_t *p, size_t len)
{
	return len >= 52 && (p[5] == 1 ? p[16] == 4 && p[17] == 0
				       : p[5] == 2 && p[16] == 0 && p[17] == 4);
}

static bool
minidump(const uint8_t *p, size_t len)
{
	return len >= 32 && p[4] == 0x93 && p[5] == 0xa7;
}

static bool
lime(const uint8_t *p, size_t len)
{
	return len >= 32 && u32le(p + 4) == 1;
}

static bool
windows_dump(const uint8_t *p, size_t len)
{
	return len >= 8 &&
	       (memcmp(p + 4, "DUMP", 4) == 0 || memcmp(p + 4, "DU64", 4) == 0);
}

static bool
qcow(const uint8_t *p, size_t len)
{
	return len >= 72 && u32be(p + 4) >= 1 && u32be(p + 4) <= 3;
}

static bool
vmdk(const uint8_t *p, size_t len)
{
	return len >= SECTOR && u32le(p + 4) >= 1 && u32le(p + 4) <= 3;
}

static bool
xfs(const uint8_t *p, size_t len)
{
	uint32_t size = len >= SECTOR ? u32be(p + 4) : 0;

	return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

static bool
squashfs(const uint8_t *p, size_t len)
{
	return len >= 96 && p[28] == 4 && p[29] == 0;
}

/* Superblock at 1024: magic, state, block size (ext4, "The Super Block"). */
static bool
ext(const uint8_t *p, size_t len)
{
	const uint8_t *s = p + 1024;

	return len >= 2048 && u32le(s) > 0 && u32le(s + 4) > 0 &&
	       u32le(s + 24) <= 6 && s[58] <= 7 && s[59] == 0 &&
	       u32le(s + 76) <= 1;
}

static bool
fat(const uint8_t *p, size_t len)
{
	return len >= SECTOR && p[510] == 0x55 && p[511] == 0xaa &&
	       (memcmp(p + 54, "FAT1", 4) == 0 ||
		   memcmp(p + 82, "FAT32   ", 8) == 0);
}

/* A table of partitions of which one at least is one. */
static bool
mbr(const uint8_t *p, size_t len)
{
	unsigned used = 0;

	if (len < SECTOR)
		return false;
	for (size_t at = 446; at < 510; at += 16) {
		if (p[at] != 0 && p[at] != 0x80)
			return false;
		if (p[at + 4] != 0 && u32le(p + at + 8) > 0 &&
		    u32le(p + at + 12) > 0)
			used++;
		else if (p[at + 4] != 0)
			return false;
	}
	return used > 0;
}

/* ---- mail, capture ------------------------------------------------------- */

static bool
pst(const uint8_t *p, size_t len)
{
	return len >= SECTOR && p[8] == 'S' && p[9] == 'M';
}

static bool
ost(const uint8_t *p, size_t len)
{
	return len >= SECTOR && p[8] == 'S' && p[9] == 'O';
}

static bool
pcap_le(const uint8_t *p, size_t len)
{
	return len >= 24 && u32le(p + 4) == (2U | 4U << 16);
}

static bool
pcap_be(const uint8_t *p, size_t len)
{
	return len >= 24 && u32be(p + 4) == (2U << 16 | 4U);
}

static bool
pcapng(const uint8_t *p, size_t len)
{
	return len >= 28 &&
	       (u32le(p + 8) == 0x1a2b3c4d || u32be(p + 8) == 0x1a2b3c4d);
}

/* ---- designs and models -------------------------------------------------- */

static bool
dwg(const uint8_t *p, size_t len)
{
	return len >= 64 && p[4] >= '0' && p[4] <= '9' && p[5] >= '0' &&
	       p[5] <= '9' && p[6] < ' ';
}

/* Lines of 80 columns: section S, and a number behind it (IGES 5.3, 2.2). */
static bool
iges(const uint8_t *p, size_t len)
{
	return len >= 160 && p[73] == ' ' && printable(p, 80) &&
	       (p[80] == '\n' || p[80] == '\r');
}

static bool
dxf(const uint8_t *p, size_t len)
{
	return holds(p, len < 256 ? len : 256, "SECTION") &&
	       holds(p, len < 256 ? len : 256, "HEADER");
}

/* HEADER of six bytes, then BGNLIB of twenty-eight (GDSII 6.0). */
static bool
gdsii(const uint8_t *p, size_t len)
{
	return len >= 34 && bytes_at(p, len, 6, "\0\x1c\1\2", 4);
}

static bool
gerber(const uint8_t *p, size_t len)
{
	return holds(p, len, "%FS") && holds(p, len, "%MO");
}

/*
 * ModelProto: ir_version, then the name of a producer, and another field that
 * it has (onnx.proto3).
 */
static bool
onnx(const uint8_t *p, size_t len)
{
	size_t n;

	if (len < 32 || p[1] < 1 || p[1] > 20 || p[2] != 0x12)
		return false;
	n = p[3];
	if (n == 0 || n > 64 || len < 4 + n + 2 || !printable(p + 4, n))
		return false;
	return p[4 + n] == 0x1a || p[4 + n] == 0x22 || p[4 + n] == 0x2a ||
	       p[4 + n] == 0x32 || p[4 + n] == 0x3a;
}

/* Eight bytes of length, then JSON that names types and offsets. */
static bool
safetensors(const uint8_t *p, size_t len)
{
	return len >= 64 && u32le(p + 4) == 0 && u32le(p) < 100000000 &&
	       (holds(p, len, "\"data_offsets\"") ||
		   holds(p, len, "\"__metadata__\""));
}

static bool
gguf(const uint8_t *p, size_t len)
{
	return len >= 24 && u32le(p + 4) >= 1 && u32le(p + 4) <= 8;
}

/* A zip whose first entry is the pickle of a model, in its own directory. */
static bool
pytorch(const uint8_t *p, size_t len)
{
	return len >= 128 && memmem(p + 30, 98, "/data.pkl", 9) != NULL;
}

static bool
parquet(const uint8_t *p, size_t len)
{
	return len >= 12 && p[4] == 0x15;
}

static bool
avro(const uint8_t *p, size_t len)
{
	return holds(p, len, "avro.");
}

static bool
blender(const uint8_t *p, size_t len)
{
	return len >= 12 && (p[7] == '_' || p[7] == '-') &&
	       (p[8] == 'v' || p[8] == 'V') && printable(p + 9, 3);
}

#define M(kind, at, bytes, more, source) \
	{ \
		kind, at, sizeof(bytes) - 1, bytes, more, source \
	}

static const struct kind_magic MAGIC[] = {
    M("keystore/jks", 0, "\xfe\xed\xfe\xed\0\0\0", NULL,
	"JavaKeyStore.java, engineStore"),
    M("keystore/jceks", 0, "\xce\xce\xce\xce\0\0\0", NULL,
	"JceKeyStore.java, engineStore"),
    M("keystore/bks", 0, "\0\0\0\2\0\0\0\x14", bks, "BcKeyStoreSpi.java"),
    M("keystore/pkcs12", 0, "\x30", pkcs12, "RFC 7292, 4"),
    M("keystore/kdbx", 0, "\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", NULL,
	"KDBX 4, outer header"),
    M("keystore/kdb", 0, "\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", NULL,
	"KeePass 1, header"),
    M("keystore/gnome", 0, "GnomeKeyring\n\r\0\n", NULL,
	"gnome-keyring, file format"),
    M("keystore/kwallet", 0, "KWALLET\n\r\0\r\n", NULL, "KWallet, backend"),
    M("keystore/keychain", 0, "kych\0\1\0\0", NULL, "AppleDatabase.h, header"),
    M("keystore/psafe3", 0, "PWS3", password_safe, "Password Safe formatV3"),
    M("key/ssh", 0, "-----BEGIN OPENSSH PRIVATE KEY-----", NULL,
	"OpenSSH PROTOCOL.key"),
    M("key/ssh", 0, "SSH PRIVATE KEY FILE FORMAT 1.1\n", NULL,
	"ssh 1, authfile"),
    M("key/pgp", 0, "-----BEGIN PGP PRIVATE KEY BLOCK-----", NULL,
	"RFC 9580, 6.2"),
    M("key/pem", 0, "-----BEGIN ", private_pem, "RFC 7468, 10 and 11"),
    M("key/putty", 0, "PuTTY-User-Key-File-", NULL, "PuTTY, appendix C"),
    M("key/age", 0, "# created: ", age_key, "age-keygen(1)"),
    M("key/age", 0, "AGE-SECRET-KEY-1", NULL, "age, v1"),
    M("key/pgp", 0, "\x95", pgp_key, "RFC 9580, 5.5.1.3"),
    M("key/pgp", 0, "\xc5", pgp_key, "RFC 9580, 5.5.1.3"),
    M("key/der", 0, "\x30", der_key,
	"RFC 5208, 5; RFC 8017, A.1.2; RFC 5915, 3"),
    M("dump/mysql", 0, "-- MySQL dump ", NULL, "mysqldump(1)"),
    M("dump/mysql", 0, "-- MariaDB dump ", NULL, "mariadb-dump(1)"),
    M("dump/mysql", 0, "/*M!999999\\- enable the sandbox mode */", NULL,
	"mariadb-dump(1)"),
    M("dump/mysql", 0, "/*!999999\\- enable the sandbox mode */", NULL,
	"mariadb-dump(1)"),
    M("dump/postgres", 0, "--\n-- PostgreSQL database dump", NULL,
	"pg_dump(1)"),
    M("dump/postgres", 0, "--\n-- PostgreSQL database cluster dump", NULL,
	"pg_dumpall(1)"),
    M("dump/postgres", 0, "PGDMP\1", NULL, "pg_backup_archiver.c"),
    M("dump/sqlite", 0, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;", NULL,
	"sqlite3(1), .dump"),
    M("dump/mongo", 0, "\x6d\xe2\x99\x81", NULL, "mongo-tools, archive"),
    M("dump/ldif", 0, "dn: ", ldif, "RFC 2849"),
    M("dump/ldif", 0, "version: 1\n", ldif, "RFC 2849"),
    M("dump/mssql", 0, "TAPE", tape, "Microsoft Tape Format 1.00a, 3.1"),
    M("db/sqlite", 0, "SQLite format 3\0", NULL, "SQLite file format, 1.3"),
    M("db/rdb", 0, "REDIS", redis, "Redis, rdb.h"),
    M("db/mdb", 0, "\0\1\0\0Standard Jet DB\0", NULL, "mdbtools, HACKING"),
    M("db/mdb", 0, "\0\1\0\0Standard ACE DB\0", NULL, "mdbtools, HACKING"),
    M("db/berkeley", 12, "\x62\x31\5\0", berkeley, "Berkeley DB, db_page.h"),
    M("db/berkeley", 12, "\0\5\x31\x62", berkeley, "Berkeley DB, db_page.h"),
    M("db/berkeley", 12, "\x61\x15\6\0", berkeley, "Berkeley DB, db_page.h"),
    M("db/lmdb", 16, "\xde\xc0\xef\xbe", lmdb, "LMDB, mdb.c"),
    M("db/ese", 4, "\xef\xcd\xab\x89", ese, "ESE, DBFILEHDR"),
    M("db/duckdb", 8, "DUCK", NULL, "DuckDB, main header"),
    M("data/parquet", 0, "PAR1", parquet, "Parquet, file format"),
    M("data/avro", 0, "Obj\1", avro, "Avro 1.11, object container files"),
    M("data/orc", 0, "ORC\n\3", NULL, "ORC v1"),
    M("data/arrow", 0, "ARROW1\0\0", NULL, "Arrow, IPC file format"),
    M("data/hdf5", 0, "\x89HDF\r\n\x1a\n", NULL, "HDF5, III.A"),
    M("data/matlab", 0, "MATLAB 5.0 MAT-file", NULL, "MAT-File Format, 1"),
    M("data/sas", 12, "\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\0", NULL,
	"sas7bdat, header"),
    M("data/spss", 0, "$FL2@(#) SPSS", NULL, "PSPP, system file"),
    M("core/elf", 0, "\177ELF", elf_core, "ELF-64 1.5, 4"),
    M("core/minidump", 0, "MDMP", minidump, "MINIDUMP_HEADER"),
    M("core/windows", 0, "PAGE", windows_dump, "DUMP_HEADER"),
    M("core/kdump", 0, "KDUMP   ", NULL, "makedumpfile, diskdump_mod.h"),
    M("core/kdump", 0, "DISKDUMP", NULL, "crash, diskdump.h"),
    M("core/java", 0, "JAVA PROFILE 1.0.", NULL, "hprof, heapDumper.cpp"),
    M("core/lime", 0, "EMiL", lime, "LiME, lime.h"),
    M("disk/qcow2", 0, "QFI\xfb", qcow, "QEMU, qcow2.txt"),
    M("disk/vmdk", 0, "KDMV", vmdk, "Virtual Disk Format 5.0"),
    M("disk/vmdk", 0, "COWD", vmdk, "Virtual Disk Format 5.0"),
    M("disk/vmdk", 0, "# Disk DescriptorFile", NULL, "Virtual Disk Format 5.0"),
    M("disk/vhd", 0, "conectix", NULL, "VHD 1.0, hard disk footer"),
    M("disk/vhdx", 0, "vhdxfile", NULL, "MS-VHDX, 2.2.1"),
    M("disk/vdi", 64, "\x7f\x10\xda\xbe", NULL, "VirtualBox, VDICore.h"),
    M("disk/luks", 0, "LUKS\xba\xbe\0", NULL, "LUKS2, 2.1"),
    M("disk/ewf", 0, "EVF\t\r\n\xff\0", NULL, "libewf, EWF format"),
    M("disk/aff", 0, "AFF10\r\n\0", NULL, "AFFLIB"),
    M("disk/wim", 0, "MSWIM\0\0\0", NULL, "WIM, header"),
    M("disk/parallels", 0, "WithoutFreeSpace", NULL, "QEMU, parallels.txt"),
    M("disk/parallels", 0, "WithouFreSpacExt", NULL, "QEMU, parallels.txt"),
    M("disk/bitlocker", 3, "-FVE-FS-", NULL, "libbde, BDE format"),
    M("disk/ntfs", 3, "NTFS    \0\2", NULL, "NTFS, boot sector"),
    M("disk/xfs", 0, "XFSB", xfs, "XFS algorithms, 13.1"),
    M("disk/squashfs", 0, "hsqs", squashfs, "squashfs_fs.h"),
    M("disk/ext", 1080, "\x53\xef", ext, "ext4, super block"),
    M("disk/lvm", SECTOR, "LABELONE", NULL, "LVM2, label.h"),
    M("disk/swap", 4086, "SWAPSPACE2", NULL, "swap.h"),
    M("disk/iso", 16 * 2048, "\1CD001\1", NULL, "ECMA-119, 8.4"),
    M("disk/gpt", SECTOR, "EFI PART\0\0\1\0", NULL, "UEFI 2.10, 5.3.2"),
    M("disk/fat", 510, "\x55\xaa", fat, "FAT 1.03, 3"),
    M("disk/mbr", 510, "\x55\xaa", mbr, "UEFI 2.10, 5.2.1"),
    M("mail/pst", 0, "!BDN", pst, "MS-PST, 2.2.2.6"),
    M("mail/ost", 0, "!BDN", ost, "MS-PST, 2.2.2.6"),
    M("mail/dbx", 0, "\xcf\xad\x12\xfe", NULL, "Outlook Express, DBX"),
    M("capture/pcap", 0, "\xd4\xc3\xb2\xa1", pcap_le, "pcap-savefile(5)"),
    M("capture/pcap", 0, "\x4d\x3c\xb2\xa1", pcap_le, "pcap-savefile(5)"),
    M("capture/pcap", 0, "\xa1\xb2\xc3\xd4", pcap_be, "pcap-savefile(5)"),
    M("capture/pcap", 0, "\xa1\xb2\x3c\x4d", pcap_be, "pcap-savefile(5)"),
    M("capture/pcapng", 0, "\x0a\x0d\x0d\x0a", pcapng, "pcapng, 4.1"),
    M("cad/dwg", 0, "AC10", dwg, "Open Design Specification for .dwg, 3"),
    M("cad/dxf", 0, "AutoCAD Binary DXF\r\n\x1a", NULL, "DXF reference"),
    M("cad/dxf", 0, "  0\r\nSECTION", dxf, "DXF reference"),
    M("cad/dxf", 0, "  0\nSECTION", dxf, "DXF reference"),
    M("cad/dxf", 0, "0\nSECTION", dxf, "DXF reference"),
    M("cad/step", 0, "ISO-10303-21;", NULL, "ISO 10303-21, 5"),
    M("cad/iges", 72, "S", iges, "IGES 5.3, 2.2.4"),
    M("cad/rhino", 0, "3D Geometry File Format ", NULL, "openNURBS, 3dm"),
    M("cad/parasolid", 0, "**ABCDEFGHIJKLMNOPQRSTUVWXYZ", NULL,
	"Parasolid XT, 1"),
    M("cad/catia", 0, "V5_CFV2", NULL, "PRONOM x-fmt/439"),
    M("cad/acis", 0, "ACIS BinaryFile", NULL, "ACIS, SAB"),
    M("cad/sketchup", 0, "\xff\xfe\xff\x0eS\0k\0e\0t\0c\0h\0U\0p\0", NULL,
	"magic(5), SketchUp Model"),
    M("cad/blender", 0, "BLENDER", blender, "Blender, file header"),
    M("eda/gdsii", 0, "\0\6\0\2", gdsii, "GDSII stream format 6.0"),
    M("eda/oasis", 0, "%SEMI-OASIS\r\n", NULL, "SEMI P39"),
    M("eda/gerber", 0, "G04 ", gerber, "Gerber 2023.08, 2"),
    M("eda/gerber", 0, "%", gerber, "Gerber 2023.08, 2"),
    M("eda/kicad", 0, "(kicad_pcb ", NULL, "KiCad, s-expressions"),
    M("eda/kicad", 0, "(kicad_sch ", NULL, "KiCad, s-expressions"),
    M("eda/edif", 0, "(edif ", NULL, "EDIF 2 0 0"),
    M("eda/spef", 0, "*SPEF \"", NULL, "IEEE 1481, 9"),
    M("model/onnx", 0, "\x08", onnx, "onnx.proto3, ModelProto"),
    M("model/safetensors", 8, "{\"", safetensors, "safetensors, format"),
    M("model/gguf", 0, "GGUF", gguf, "ggml, gguf.md"),
    M("model/tflite", 4, "TFL3", NULL, "tflite, schema.fbs"),
    M("model/pytorch", 0, "PK\3\4", pytorch, "PyTorch, serialization"),
    M("model/numpy", 0, "\x93NUMPY", NULL, "NEP 1"),
};

const char *
kind_sniff(const uint8_t *p, size_t len)
{
	/* A mark in front of UTF-8 is none of the format's. */
	if (len > 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		p += 3;
		len -= 3;
	}
	for (size_t i = 0; i < ARRAY_LEN(MAGIC); i++) {
		const struct kind_magic *m = &MAGIC[i];

		if (len >= m->at + m->len &&
		    memcmp(p + m->at, m->bytes, m->len) == 0 &&
		    (m->more == NULL || m->more(p, len)))
			return m->kind;
	}
	return "";
}

void
kind_list(kind_list_fn *fn, void *ctx)
{
	for (size_t i = 0; i < ARRAY_LEN(MAGIC); i++)
		fn(ctx, MAGIC[i].kind, MAGIC[i].source);
}
