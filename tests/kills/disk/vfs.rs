//! The disk as SQLite sees it: a VFS that lies over the default one. Reads, writes, truncations, syncs and deletions
//! are the disk's; locks, shared memory and everything else go straight through.

use std::ffi::{c_char, c_int, c_void, CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex};

use rusqlite::ffi::{
    sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register, SQLITE_FULL, SQLITE_IOERR, SQLITE_IOERR_DELETE, SQLITE_IOERR_FSYNC,
    SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE, SQLITE_OK,
    SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_WAL,
};

use super::{disk, Change, Failure, Image, Operation, NAME};

/// What SQLite allocates for an open file: this, and behind it the default VFS's own file.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// Null for temporary files, which nobody expects to find again.
    image: *const Mutex<Image>,
}

/// What the disk answers instead of letting SQLite see its own file.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // Version 2 has shared memory, which WAL needs, and no memory mapping, which would read past the image.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Registers the VFS under [`NAME`], for the rest of the process's life.
pub(super) fn register() {
    // SAFETY: the default VFS is static; ours is a copy with other functions and is never freed.
    unsafe {
        let mut vfs = *default_vfs();
        // The copied functions do not use the VFS they are called with; `xOpen` and `xDelete` are given their own.
        vfs.iVersion = 1;
        vfs.szOsFile += size_of::<File>() as c_int;
        vfs.pNext = null_mut();
        vfs.zName = CString::new(NAME).expect("no zero inside").into_raw();
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        let registered = sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 0);
        assert_eq!(registered, SQLITE_OK);
    }
}

fn default_vfs() -> *mut sqlite3_vfs {
    // SAFETY: a null name asks for the default, which SQLite always has on Unix.
    unsafe { sqlite3_vfs_find(null()) }
}

/// The default VFS's file behind ours.
///
/// # Safety
/// `file` was allocated by SQLite for our VFS, whose `szOsFile` has room for both.
unsafe fn under(file: *mut sqlite3_file) -> *mut sqlite3_file {
    file.cast::<File>().add(1).cast()
}

/// Calls a method of the default VFS's file.
macro_rules! below {
    ($file:ident . $method:ident ( $($argument:expr),* )) => {{
        let below = under($file);
        match (*(*below).pMethods).$method {
            Some(call) => call(below $(, $argument)*),
            None => SQLITE_IOERR,
        }
    }};
}

/// A method that goes straight through.
macro_rules! through {
    ($($name:ident = $method:ident ( $($argument:ident : $type:ty),* );)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file $(, $argument: $type)*) -> c_int {
            below!(file.$method($($argument),*))
        }
    )*};
}

through! {
    lock = xLock(level: c_int);
    unlock = xUnlock(level: c_int);
    check_reserved_lock = xCheckReservedLock(out: *mut c_int);
    file_control = xFileControl(operation: c_int, argument: *mut c_void);
    sector_size = xSectorSize();
    device_characteristics = xDeviceCharacteristics();
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void);
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int);
    shm_unmap = xShmUnmap(delete: c_int);
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    let below = under(file);
    if let Some(barrier) = (*(*below).pMethods).xShmBarrier {
        barrier(below);
    }
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    (*file).pMethods = null();
    let vfs = default_vfs();
    let Some(open_below) = (*vfs).xOpen else {
        return SQLITE_IOERR;
    };
    let opened = open_below(vfs, name, under(file), flags, out_flags);
    if opened != SQLITE_OK {
        return opened;
    }
    let lasting = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    let image = if name.is_null() || flags & lasting == 0 {
        null()
    } else {
        Arc::into_raw(disk().image(path(name), || contents(file)))
    };
    let ours = file.cast::<File>();
    (*ours).image = image;
    (*ours).base.pMethods = &METHODS;
    SQLITE_OK
}

/// What the real file holds.
unsafe fn contents(file: *mut sqlite3_file) -> Vec<u8> {
    let mut size = 0;
    assert_eq!(below!(file.xFileSize(&mut size)), SQLITE_OK);
    let mut bytes = vec![0; size as usize];
    if !bytes.is_empty() {
        let read = below!(file.xRead(bytes.as_mut_ptr().cast(), size as c_int, 0));
        assert_eq!(read, SQLITE_OK);
    }
    bytes
}

unsafe fn path<'a>(name: *const c_char) -> &'a Path {
    Path::new(OsStr::from_bytes(CStr::from_ptr(name).to_bytes()))
}

/// Runs `work` on the file's image, or `otherwise` if it has none.
unsafe fn with_image(
    file: *mut sqlite3_file,
    work: impl FnOnce(&mut Image) -> c_int,
    otherwise: impl FnOnce() -> c_int,
) -> c_int {
    match (*file.cast::<File>()).image.as_ref() {
        Some(image) => work(&mut image.lock().expect("no thread panics while it holds this")),
        None => otherwise(),
    }
}

/// Lets changes reach the real file.
unsafe fn carry_out(file: *mut sqlite3_file, changes: Vec<Change>) -> c_int {
    for change in changes {
        let done = match change {
            Change::Write { offset, bytes } => below!(file.xWrite(
                bytes.as_ptr().cast(),
                bytes.len() as c_int,
                offset as sqlite3_int64
            )),
            Change::Truncate(size) => below!(file.xTruncate(size as sqlite3_int64)),
        };
        if done != SQLITE_OK {
            return done;
        }
    }
    SQLITE_OK
}

fn code(failure: Failure, broken: c_int) -> c_int {
    match failure {
        Failure::Full => SQLITE_FULL,
        Failure::Broken => broken,
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let ours = file.cast::<File>();
    if !(*ours).image.is_null() {
        drop(Arc::from_raw((*ours).image));
        (*ours).image = null();
    }
    below!(file.xClose())
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    let from_image = |image: &mut Image| {
        let buffer = std::slice::from_raw_parts_mut(buffer.cast::<u8>(), amount as usize);
        if image.read(offset as usize, buffer) {
            SQLITE_OK
        } else {
            SQLITE_IOERR_SHORT_READ
        }
    };
    with_image(file, from_image, || {
        below!(file.xRead(buffer, amount, offset))
    })
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: sqlite3_int64,
) -> c_int {
    if (*file.cast::<File>()).image.is_null() {
        return below!(file.xWrite(buffer, amount, offset));
    }
    // Before the image is locked: a disk that stops looks at all of them.
    if let Err(failure) = disk().begin(Operation::Write) {
        return code(failure, SQLITE_IOERR_WRITE);
    }
    let bytes = std::slice::from_raw_parts(buffer.cast::<u8>(), amount as usize).to_vec();
    let offset = offset as usize;
    let to_image = |image: &mut Image| {
        image.change(Change::Write { offset, bytes });
        carry_out(file, disk().written(image))
    };
    with_image(file, to_image, || SQLITE_IOERR)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    if (*file.cast::<File>()).image.is_null() {
        return below!(file.xTruncate(size));
    }
    if let Err(failure) = disk().begin(Operation::Truncate) {
        return code(failure, SQLITE_IOERR_TRUNCATE);
    }
    let of_image = |image: &mut Image| {
        image.change(Change::Truncate(size as usize));
        carry_out(file, disk().written(image))
    };
    with_image(file, of_image, || SQLITE_IOERR)
}

/// The real file is not synced: the machine that runs the tests keeps its power.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    if (*file.cast::<File>()).image.is_null() {
        return SQLITE_OK;
    }
    if let Err(failure) = disk().begin(Operation::Sync) {
        return code(failure, SQLITE_IOERR_FSYNC);
    }
    let of_image = |image: &mut Image| carry_out(file, disk().synced(image));
    let done = with_image(file, of_image, || SQLITE_IOERR);
    disk().end_sync();
    done
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, out: *mut sqlite3_int64) -> c_int {
    let of_image = |image: &mut Image| {
        *out = image.size() as sqlite3_int64;
        SQLITE_OK
    };
    with_image(file, of_image, || below!(file.xFileSize(out)))
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    if let Err(failure) = disk().begin(Operation::Delete) {
        return code(failure, SQLITE_IOERR_DELETE);
    }
    disk().forget(path(name));
    let vfs = default_vfs();
    match (*vfs).xDelete {
        Some(delete_below) => delete_below(vfs, name, sync),
        None => SQLITE_IOERR,
    }
}
