//! The bytes of a file, unpacked on the way in and packed on the way out.
//!
//! Output appears whole or not at all: it goes to a temporary file in the same folder, is flushed to the disk,
//! and takes the place of an existing file only at the end. Pipes, devices and stdout are written as it comes,
//! since there is nothing to replace.

use super::format::{Compression, FileEndpoint};
use crate::error::{Error, IoContext, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Opens a file or stdin for reading, unpacked.
///
/// # Errors
/// When there is no such file or it cannot be read.
pub(super) fn open_bytes(endpoint: &FileEndpoint) -> Result<Box<dyn Read + Send>> {
    let raw: Box<dyn Read + Send> =
        if endpoint.is_standard_stream() { Box::new(io::stdin()) } else { Box::new(open_file(endpoint)?) };
    Ok(match endpoint.compression {
        Compression::None => unpacked(endpoint, raw)?,
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
        Compression::Zstd => {
            Box::new(zstd::stream::read::Decoder::new(raw).during(|| format!("cannot unpack `{endpoint}`"))?)
        }
    })
}

/// The bytes of a file that is not packed by its name, if it is not by its bytes either: they would be read as text in
/// some encoding.
fn unpacked(endpoint: &FileEndpoint, mut raw: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>> {
    let mut head = Vec::new();
    (&mut raw).take(4).read_to_end(&mut head).map_err(|cause| read_error(endpoint, cause))?;
    let packed = |with: &str, ending: &str| {
        Error::input(format!("`{endpoint}` is packed with {with}, which its name does not say"))
            .hint(format!("let its name end in `{ending}`, or say so with `--format`, such as `csv{ending}`"))
    };
    match head.as_slice() {
        [0x1f, 0x8b, 8, ..] => Err(packed("gzip", ".gz")),
        [0x28, 0xb5, 0x2f, 0xfd] => Err(packed("zstd", ".zst")),
        b"PK\x03\x04" => {
            Err(Error::input(format!("`{endpoint}` is a zip archive, as `.xlsx` and `.ods` files are"))
                .hint("save the sheet as `CSV UTF-8`, or unpack the archive"))
        }
        _ => Ok(Box::new(io::Cursor::new(head).chain(raw))),
    }
}

/// Opens the file itself, packed as it is.
///
/// # Errors
/// When there is no such file, it is a folder, or it cannot be read.
pub(super) fn open_file(endpoint: &FileEndpoint) -> Result<File> {
    can_be_read_again(&endpoint.path)?;
    let refused = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => Error::input(format!("no such file: `{endpoint}`")),
        _ => Error::input(format!("cannot read `{endpoint}`")).because(cause),
    };
    let file = File::open(&endpoint.path).map_err(refused)?;
    if file.metadata().map_err(refused)?.is_dir() {
        return Err(Error::input(format!("`{endpoint}` is a folder, not a file")));
    }
    Ok(file)
}

/// Refuses what is no regular file, such as a named pipe: a source is read more than once, and opening a pipe waits for
/// who writes to it. What is not there, and a folder, is for whoever opens it to say.
///
/// # Errors
/// When it is none (class `Input`).
pub fn can_be_read_again(path: &Path) -> Result<()> {
    let known = std::fs::metadata(path).map(|known| known.file_type());
    if known.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
        let why = format!("`{}` is a pipe or a device, which cannot be read twice", path.display());
        return Err(Error::input(why).hint(
            "read it from standard input: write `-` in its place, with `--format`, and `< …` at the command's end",
        ));
    }
    Ok(())
}

/// A failed read as an error: a packed file that does not unpack is wrong input, anything else is the disk's.
pub(super) fn read_error(endpoint: &FileEndpoint, cause: io::Error) -> Error {
    match endpoint.compression {
        Compression::None => Error::stopped(format!("cannot read `{endpoint}`")).because(cause),
        Compression::Gzip => Error::input(format!("`{endpoint}` is not a whole gzip file")).because(cause),
        Compression::Zstd => Error::input(format!("`{endpoint}` is not a whole zstd file")).because(cause),
    }
}

/// A file being written; it appears at [`Output::finish`], or not at all.
pub(super) struct Output {
    packer: Packer,
    name: String,
    temporary: Option<PathBuf>,
}

enum Packer {
    None(Counted),
    Gzip(flate2::write::GzEncoder<Counted>),
    Zstd(zstd::stream::write::Encoder<'static, Counted>),
}

/// The buffered destination, counting what reaches it.
struct Counted {
    inner: BufWriter<Destination>,
    bytes: u64,
}

enum Destination {
    /// A regular file to be, under its temporary name.
    Temporary {
        file: NamedTempFile,
        target: PathBuf,
    },
    /// A pipe or device.
    Direct(File),
    Stdout(io::Stdout),
}

/// Large enough that packed output goes to the disk in few calls.
const BUFFER: usize = 256 * 1024;

impl Output {
    /// Begins a file.
    ///
    /// # Errors
    /// When the folder does not exist or may not be written to.
    pub(super) fn create(endpoint: &FileEndpoint) -> Result<Self> {
        let destination = Destination::open(endpoint)?;
        let temporary = match &destination {
            Destination::Temporary { file, .. } => Some(file.path().to_owned()),
            Destination::Direct(_) | Destination::Stdout(_) => None,
        };
        let counted = Counted { inner: BufWriter::with_capacity(BUFFER, destination), bytes: 0 };
        let packer = match endpoint.compression {
            Compression::None => Packer::None(counted),
            Compression::Gzip => {
                Packer::Gzip(flate2::write::GzEncoder::new(counted, flate2::Compression::default()))
            }
            Compression::Zstd => Packer::Zstd(
                zstd::stream::write::Encoder::new(counted, zstd::DEFAULT_COMPRESSION_LEVEL)
                    .during(|| format!("cannot write `{endpoint}`"))?,
            ),
        };
        Ok(Self { packer, name: endpoint.to_string(), temporary })
    }

    /// Where the bytes go before the file appears, if it is a file.
    pub(super) fn temporary(&self) -> Option<&Path> {
        self.temporary.as_deref()
    }

    /// What the file is called in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Ends the file and puts it in its place; gives its size in bytes, packed as it is.
    ///
    /// # Errors
    /// When the disk refuses; an existing file is then untouched.
    pub(super) fn finish(self) -> Result<u64> {
        let name = self.name;
        let context = || format!("cannot write `{name}`");
        let mut counted = match self.packer {
            Packer::None(counted) => counted,
            Packer::Gzip(packer) => packer.finish().during(context)?,
            Packer::Zstd(packer) => packer.finish().during(context)?,
        };
        counted.inner.flush().during(context)?;
        let bytes = counted.bytes;
        let destination =
            counted.inner.into_inner().map_err(io::IntoInnerError::into_error).during(context)?;
        destination.publish().during(context)?;
        Ok(bytes)
    }
}

impl Write for Output {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.packer {
            Packer::None(writer) => writer.write(data),
            Packer::Gzip(writer) => writer.write(data),
            Packer::Zstd(writer) => writer.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.packer {
            Packer::None(writer) => writer.flush(),
            Packer::Gzip(writer) => writer.flush(),
            Packer::Zstd(writer) => writer.flush(),
        }
    }
}

impl Write for Counted {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Destination {
    fn open(endpoint: &FileEndpoint) -> Result<Self> {
        if endpoint.is_standard_stream() {
            return Ok(Self::Stdout(io::stdout()));
        }
        let refused = |cause| Error::input(format!("cannot write `{endpoint}`")).because(cause);
        // A link is written through, so that it still is one afterwards.
        let target = fs::canonicalize(&endpoint.path).unwrap_or_else(|_| endpoint.path.clone());
        match fs::metadata(&target) {
            Ok(found) if found.is_dir() => {
                return Err(Error::input(format!("cannot write `{endpoint}`: it is a folder")));
            }
            Ok(found) if !found.is_file() => {
                return Ok(Self::Direct(OpenOptions::new().write(true).open(&target).map_err(refused)?));
            }
            Ok(_) | Err(_) => {}
        }
        let folder = folder_of(&target);
        if !folder.is_dir() {
            return Err(Error::input(format!(
                "cannot write `{endpoint}`: there is no folder `{}`",
                folder.display()
            )));
        }
        Ok(Self::Temporary { file: temporary(folder, &target).map_err(refused)?, target })
    }

    /// Makes what was written the file that was asked for.
    fn publish(self) -> io::Result<()> {
        match self {
            Self::Temporary { file, target } => {
                file.as_file().sync_all()?;
                file.persist(&target).map_err(|refused| refused.error)?;
                sync_folder(folder_of(&target))
            }
            Self::Direct(_) => Ok(()),
            Self::Stdout(mut stdout) => stdout.flush(),
        }
    }
}

impl Write for Destination {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Temporary { file, .. } => file.write(data),
            Self::Direct(file) => file.write(data),
            Self::Stdout(stdout) => stdout.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Temporary { file, .. } => file.flush(),
            Self::Direct(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A new file gets the rights that the user's umask gives, a replaced one keeps its own; without this, files
/// made by way of a temporary one would be readable by their owner alone whatever the user has set.
#[cfg(unix)]
fn temporary(folder: &Path, target: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let fresh = fs::Permissions::from_mode(0o666);
    let file = builder().permissions(fresh).tempfile_in(folder)?;
    if let Ok(old) = fs::metadata(target) {
        file.as_file().set_permissions(old.permissions())?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn temporary(folder: &Path, _target: &Path) -> io::Result<NamedTempFile> {
    builder().tempfile_in(folder)
}

/// What temporary files are called: this, anything, and that.
const TEMPORARY: (&str, &str) = (".ferry-", ".part");

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    builder
}

/// Removes the temporary file of a writer that was killed, if it is there and is one.
pub fn remove_temporary(path: &Path) {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1) {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_file(path);
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened to be flushed.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::files::Format;

    fn endpoint(path: PathBuf) -> FileEndpoint {
        FileEndpoint { path, format: Format::Csv, compression: Compression::None }
    }

    #[test]
    fn an_existing_file_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = endpoint(folder.path().join("a.csv"));
        fs::write(&endpoint.path, "old").unwrap();
        let mut output = Output::create(&endpoint).unwrap();
        output.write_all(b"half").unwrap();
        assert_eq!(fs::read_to_string(&endpoint.path).unwrap(), "old");
        drop(output);
        assert_eq!(fs::read_to_string(&endpoint.path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
        let mut output = Output::create(&endpoint).unwrap();
        output.write_all(b"whole").unwrap();
        assert_eq!(output.finish().unwrap(), 5);
        assert_eq!(fs::read_to_string(&endpoint.path).unwrap(), "whole");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_rights_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut output = Output::create(&endpoint(link.clone())).unwrap();
        output.write_all(b"new").unwrap();
        output.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn missing_places_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = endpoint(folder.path().join("no/a.csv"));
        assert!(Output::create(&missing).err().unwrap().to_string().contains("no folder"));
        assert!(open_bytes(&missing).err().unwrap().to_string().starts_with("no such file"));
        let itself = endpoint(folder.path().to_owned());
        assert!(open_bytes(&itself).err().unwrap().to_string().contains("is a folder"));
    }
}
