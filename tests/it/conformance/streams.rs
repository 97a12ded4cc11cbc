//! What is promised of every stream of both services.

/// Whether records that exist can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// They cannot, nor can new ones be made.
    Nothing,
    /// New records, and that is all.
    Creates,
    /// New records, changed ones and deletes.
    All,
}

/// What is promised of a stream.
pub(super) struct Stream {
    pub(super) name: &'static str,
    /// A name that somebody might type instead.
    pub(super) misspelt: &'static str,
    pub(super) reads: bool,
    pub(super) writes: Writes,
    /// Whether the service allows to prove that a read is whole.
    pub(super) proven: bool,
    /// How the columns of a plain export begin.
    pub(super) columns: &'static str,
    /// A sheet that makes one record; `{contact}` and `{record}` are ids of records that exist.
    pub(super) sheet: &'static str,
    /// A column of it, and a text that it may be changed to.
    pub(super) edit: (&'static str, &'static str),
}

const READ: Stream = Stream {
    name: "",
    misspelt: "",
    reads: true,
    writes: Writes::Nothing,
    proven: true,
    columns: "",
    sheet: "_id\nx\n",
    edit: ("", ""),
};

pub(super) const STREAMS: [Stream; 15] = [
    Stream {
        name: "nimble:contacts",
        misspelt: "nimble:contact",
        writes: Writes::All,
        columns: "_id,_type,_created,_updated,_tags,_owner,_avatar,_creator,_children,_last_contacted,first name",
        sheet: "first name,last name\nAda,Conformance\n",
        edit: ("last name", "King"),
        ..READ
    },
    Stream {
        name: "nimble:notes",
        misspelt: "nimble:note",
        writes: Writes::All,
        columns: "_id,_type,_created,_updated,_record,_records,_author,text",
        sheet: "_record,text\n{contact},\"One; two, and \"\"three\"\"\"\n",
        edit: ("text", "Something else"),
        ..READ
    },
    Stream {
        name: "nimble:tasks",
        misspelt: "nimble:taks",
        reads: false,
        writes: Writes::Creates,
        sheet: "subject,due_date\nCall Ada,2026-12-01\n",
        ..READ
    },
    Stream {
        name: "nimble:users",
        misspelt: "nimble:user",
        columns: "_id,_type,_created,_updated,name,email,is_active",
        ..READ
    },
    Stream {
        name: "nimble:tags",
        misspelt: "nimble:tag",
        columns: "_id,_type,_created,_updated,tag,contacts",
        ..READ
    },
    Stream {
        name: "nimble:fields",
        misspelt: "nimble:feilds",
        writes: Writes::All,
        columns: "_id,",
        sheet: "name,type,group\nMember no,text,Club\n",
        edit: ("name", "Membership"),
        ..READ
    },
    Stream {
        name: "nimble:groups",
        misspelt: "nimble:group",
        writes: Writes::All,
        columns: "_id,",
        sheet: "name\nBoard\n",
        edit: ("name", "Committee"),
        ..READ
    },
    Stream {
        name: "nimble:tabs",
        misspelt: "nimble:tab",
        writes: Writes::All,
        columns: "_id,",
        sheet: "name,for\nClub,person\n",
        edit: ("name", "Society"),
        ..READ
    },
    Stream {
        name: "nethunt:Contacts",
        misspelt: "nethunt:Contcats",
        writes: Writes::All,
        columns: "_id,_type,_created,_updated,Name,Email,Phone",
        sheet: "Name\nAda Conformance\n",
        edit: ("Name", "Ada King"),
        ..READ
    },
    Stream {
        name: "nethunt:Contacts/comments",
        misspelt: "nethunt:Contacts/comment",
        writes: Writes::Creates,
        proven: false,
        columns: "_id,_record,_created,_author,text",
        sheet: "_record,text\n{record},\"One; two, and \"\"three\"\"\"\n",
        edit: ("text", "Something else"),
        ..READ
    },
    Stream {
        name: "nethunt:Contacts/calls",
        misspelt: "nethunt:Contacts/call",
        writes: Writes::Creates,
        proven: false,
        columns: "_id,_record,_created,_author,text,time,duration,endTime",
        sheet: "_record,text,time,duration\n{record},Spoke,2026-02-01T10:00:00Z,2.5\n",
        edit: ("text", "Something else"),
        ..READ
    },
    Stream {
        name: "nethunt:Contacts/files",
        misspelt: "nethunt:Contacts/fiels",
        proven: false,
        columns: "_id,_record,_created,_author,name,url",
        ..READ
    },
    Stream {
        name: "nethunt:Contacts/changes",
        misspelt: "nethunt:Contacts/change",
        proven: false,
        columns: "_id,_record,_created,_user,action,field,removed,added",
        ..READ
    },
    Stream {
        name: "nethunt:Contacts/fields",
        misspelt: "nethunt:Contacts/field",
        columns: "name,inferred_type,inferred_several",
        ..READ
    },
    Stream {
        name: "nethunt:folders",
        misspelt: "nethunt:folder",
        columns: "_id,name,readable,writable",
        ..READ
    },
];
