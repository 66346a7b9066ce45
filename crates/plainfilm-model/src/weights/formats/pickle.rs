//! Python's pickle, read as data: a machine with a stack, and no way to call anything.
//!
//! A pickle is a program whose "globals" name functions to be called. Here a global is a name and
//! nothing more; [`super::torch_objects`] turns the handful of names that a state dict consists of
//! into tensors and refuses all others. Opcodes as in Python's `pickletools`.

use std::collections::HashMap;

use super::super::error::{Problem, damaged, refused};
use super::pickle_objects::{MAX_OBJECTS, Object, Objects, Value};
use super::torch_objects;

/// The first byte of every pickle of protocol 2 and later.
pub(super) const PROTO: u8 = 0x80;
/// The longest pickle that is read: tensors lie beside it, so a few hundred KB are usual.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// Reads one pickle from the start of `bytes`; returns its value and its length in bytes.
pub(super) fn read(bytes: &[u8], objects: &mut Objects) -> Result<(Value, usize), Problem> {
    let mut machine = Machine {
        bytes,
        position: 0,
        stack: vec![],
        marks: vec![],
        memo: HashMap::new(),
        objects,
    };
    let value = machine.run()?;
    Ok((value, machine.position))
}

struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    stack: Vec<Value>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    objects: &'a mut Objects,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, Problem> {
        loop {
            if self.stack.len() > MAX_OBJECTS || self.marks.len() > MAX_OBJECTS {
                return Err(refused(format!(
                    "a pickle with more than {MAX_OBJECTS} values on its stack"
                )));
            }
            let opcode = self.byte()?;
            match opcode {
                PROTO => {
                    let version = self.byte()?;
                    if !(2..=5).contains(&version) {
                        return Err(damaged(format!(
                            "pickle protocol {version}: expected 2 to 5"
                        )));
                    }
                }
                // FRAME: how much to read ahead, which a slice does not need.
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Integer(1)),
                0x89 => self.stack.push(Value::Integer(0)),
                b'J' => {
                    let number = i32::from_le_bytes(self.array()?);
                    self.stack.push(Value::Integer(number.into()));
                }
                b'K' => {
                    let number = self.byte()?;
                    self.stack.push(Value::Integer(number.into()));
                }
                b'M' => {
                    let number = u16::from_le_bytes(self.array()?);
                    self.stack.push(Value::Integer(number.into()));
                }
                0x8a => self.long()?,
                b'G' => {
                    self.take(8)?;
                    self.stack.push(Value::Float);
                }
                b'X' | b'T' | b'B' => {
                    let length = u32::from_le_bytes(self.array()?);
                    self.string(length as usize, opcode)?;
                }
                0x8c | b'U' | b'C' => {
                    let length = self.byte()?;
                    self.string(length.into(), opcode)?;
                }
                b'}' => self.push(Object::Dict(vec![]))?,
                b']' => self.push(Object::List(vec![]))?,
                b')' => self.push(Object::Tuple(vec![]))?,
                b't' => {
                    let values = self.since_mark()?;
                    self.push(Object::Tuple(values))?;
                }
                0x85..=0x87 => {
                    let values = self.last(usize::from(opcode - 0x84))?;
                    self.push(Object::Tuple(values))?;
                }
                b'l' => {
                    let values = self.since_mark()?;
                    self.push(Object::List(values))?;
                }
                b'd' => {
                    let values = self.since_mark()?;
                    self.push(Object::Dict(pairs(&values)?))?;
                }
                b's' => {
                    let values = self.last(2)?;
                    self.set_items(&values)?;
                }
                b'u' => {
                    let values = self.since_mark()?;
                    self.set_items(&values)?;
                }
                b'a' => {
                    let values = self.last(1)?;
                    self.append(&values)?;
                }
                b'e' => {
                    let values = self.since_mark()?;
                    self.append(&values)?;
                }
                b'q' => {
                    let key = self.byte()?;
                    self.remember(key.into())?;
                }
                b'r' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.remember(key)?;
                }
                0x94 => self.remember(self.memo.len() as u32)?,
                b'h' => {
                    let key = self.byte()?;
                    self.recall(key.into())?;
                }
                b'j' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.recall(key)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.global(module, name)?;
                }
                0x93 => {
                    let values = self.last(2)?;
                    let [module, name] = [values[0], values[1]]
                        .map(|value| self.objects.text(value).map(str::to_owned));
                    let (Some(module), Some(name)) = (module, name) else {
                        return Err(damaged(
                            "a pickle names a global by something else than text",
                        ));
                    };
                    self.global(module, name)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    let value = torch_objects::persistent(id, self.objects)?;
                    self.stack.push(value);
                }
                b'R' => {
                    let values = self.last(2)?;
                    let value = torch_objects::call(values[0], values[1], self.objects)?;
                    self.stack.push(value);
                }
                0x81 => {
                    let values = self.last(2)?;
                    let value = torch_objects::layer(values[0], self.objects)?;
                    self.stack.push(value);
                }
                b'b' => {
                    let state = self.pop()?;
                    self.build(state)?;
                }
                other => {
                    return Err(refused(format!(
                        "pickle opcode 0x{other:02x} at byte {}, which no state dict needs",
                        self.position - 1
                    )));
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], Problem> {
        let end = self.position.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.position..end));
        let taken = taken.ok_or_else(|| {
            damaged(format!(
                "the pickle ends at byte {}, within an opcode",
                self.bytes.len()
            ))
        })?;
        self.position += count;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("`take` gives as many as asked for"))
    }

    /// A line of text, as protocol 0 wrote it.
    fn line(&mut self) -> Result<String, Problem> {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().take(1024).position(|&byte| byte == b'\n');
        let length = length.ok_or_else(|| damaged("a pickle's global has no end"))?;
        let line = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.byte()?;
        Ok(line)
    }

    fn long(&mut self) -> Result<(), Problem> {
        let length = usize::from(self.byte()?);
        let digits = self.take(length)?;
        let mut wide = match digits.last() {
            Some(top) if top & 0x80 != 0 => [0xff; 8],
            _ => [0; 8],
        };
        let value = if length <= 8 {
            wide[..length].copy_from_slice(digits);
            Value::Integer(i64::from_le_bytes(wide))
        } else {
            // Only the magic number of old files is that long; it is compared as bytes.
            let digits = digits.to_vec();
            self.objects.add(Object::Bytes(digits))?
        };
        self.stack.push(value);
        Ok(())
    }

    fn string(&mut self, length: usize, opcode: u8) -> Result<(), Problem> {
        let bytes = self.take(length)?;
        let object = match opcode {
            b'B' | b'C' => Object::Bytes(bytes.to_vec()),
            _ => Object::Text(String::from_utf8_lossy(bytes).into_owned()),
        };
        self.push(object)
    }

    fn push(&mut self, object: Object) -> Result<(), Problem> {
        let value = self.objects.add(object)?;
        self.stack.push(value);
        Ok(())
    }

    fn global(&mut self, module: String, name: String) -> Result<(), Problem> {
        torch_objects::check_global(&module, &name)?;
        self.push(Object::Global(module, name))
    }

    fn pop(&mut self) -> Result<Value, Problem> {
        Ok(self.last(1)?[0])
    }

    /// Takes the topmost values, which have to lie above the last mark.
    fn last(&mut self, count: usize) -> Result<Vec<Value>, Problem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => Err(damaged("a pickle takes more from its stack than is there")),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, Problem> {
        let mark = self.marks.pop();
        let mark = mark.ok_or_else(|| damaged("a pickle closes a mark that it did not open"))?;
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, key: u32) -> Result<(), Problem> {
        let top = self.stack.last().copied();
        let top = top.ok_or_else(|| damaged("a pickle remembers a value that is not there"))?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), Problem> {
        let value = self.memo.get(&key).copied();
        let value = value.ok_or_else(|| damaged("a pickle recalls a value it did not remember"))?;
        self.stack.push(value);
        Ok(())
    }

    fn set_items(&mut self, values: &[Value]) -> Result<(), Problem> {
        let new = pairs(values)?;
        let top = self.stack.last().copied().unwrap_or(Value::None);
        match self.objects.get_mut(top) {
            Some(Object::Dict(pairs)) => pairs.extend(new),
            _ => return Err(damaged("a pickle sets items of something else than a dict")),
        }
        Ok(())
    }

    fn append(&mut self, values: &[Value]) -> Result<(), Problem> {
        let top = self.stack.last().copied().unwrap_or(Value::None);
        match self.objects.get_mut(top) {
            Some(Object::List(list)) => list.extend(values),
            _ => return Err(damaged("a pickle appends to something else than a list")),
        }
        Ok(())
    }

    /// Attributes of an object: a state dict's `_metadata` is of no use, a layer's hold its weights.
    fn build(&mut self, state: Value) -> Result<(), Problem> {
        let top = self.stack.last().copied().unwrap_or(Value::None);
        match self.objects.get_mut(top) {
            Some(Object::Dict(_)) => {}
            Some(Object::Layer(attributes)) => *attributes = Some(state),
            _ => {
                return Err(refused(
                    "a pickle that sets attributes of something else than a dict or a layer",
                ));
            }
        }
        Ok(())
    }
}

/// Keys and values in turn.
fn pairs(values: &[Value]) -> Result<Vec<(Value, Value)>, Problem> {
    if !values.len().is_multiple_of(2) {
        return Err(damaged("a pickle has a key without a value"));
    }
    Ok(values
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        let problem = read(bytes, &mut Objects::default()).expect_err("cannot be read");
        problem.at(std::path::Path::new("w.pth")).to_string()
    }

    #[test]
    fn what_no_state_dict_needs_is_refused_by_name() {
        // Each is what a pickle that runs something looks like.
        let cases: [(&[u8], &str); 9] = [
            (
                b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.",
                "w.pth: refused: the pickle asks for `os.system`",
            ),
            (
                b"\x80\x02cposix\nsystem\n.",
                "w.pth: refused: the pickle asks for `posix.system`",
            ),
            (
                b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
                "w.pth: refused: the pickle asks for `builtins.eval`",
            ),
            (
                b"\x80\x02ctorch.hub\nload\n.",
                "w.pth: refused: the pickle asks for `torch.hub.load`",
            ),
            (
                b"\x80\x02ctorch.nn.modules.linear\nLinear\n)R.",
                "w.pth: refused: the pickle calls `torch.nn.modules.linear.Linear`",
            ),
            // INST, which imports and calls at once, and EXT1, a registered global.
            (
                b"\x80\x02(ios\nsystem\n.",
                "w.pth: refused: pickle opcode 0x69 at byte 3",
            ),
            (
                b"\x80\x02\x82\x01.",
                "w.pth: refused: pickle opcode 0x82 at byte 2",
            ),
            (
                b"\x80\x02ccollections\nOrderedDict\n}b.",
                "w.pth: refused: a pickle that sets attributes of something else",
            ),
            (
                b"\x80\x02Kfoo.",
                "w.pth: refused: pickle opcode 0x6f at byte 4",
            ),
        ];
        for (bytes, expected) in cases {
            let error = error(bytes);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let cases: [(&[u8], &str); 10] = [
            (b"", "the pickle ends at byte 0"),
            (b"\x80\x09.", "pickle protocol 9"),
            (b"\x80\x02X\xff\xff\xff\xffab", "the pickle ends at byte 9"),
            (b"\x80\x02.", "takes more from its stack"),
            (b"\x80\x02K\x01(0.", "takes more from its stack"),
            (b"\x80\x02t.", "closes a mark"),
            (b"\x80\x02h\x07.", "did not remember"),
            (b"\x80\x02}(K\x01u.", "a key without a value"),
            (b"\x80\x02K\x01K\x02a.", "appends to something else"),
            (b"\x80\x02cos", "global has no end"),
        ];
        for (bytes, expected) in cases {
            let error = error(bytes);
            assert!(
                error.contains("damaged") && error.contains(expected),
                "{error}"
            );
        }
        // Every prefix of a real pickle is damaged, none is read.
        let whole = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01X\x01\x00\x00\x00bq\x02\x89u.";
        for length in 0..whole.len() {
            assert!(error(&whole[..length]).contains("damaged"), "{length}");
        }
    }

    #[test]
    fn plain_data_is_read() {
        let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x05U\x01bJ\xfe\xff\xff\xffu.rest";
        let mut objects = Objects::default();
        let (value, length) = read(bytes, &mut objects).expect("plain data");
        assert_eq!(&bytes[length..], b"rest");
        assert_eq!(objects.item(value, "a"), Some(Value::Integer(5)));
        assert_eq!(objects.item(value, "b"), Some(Value::Integer(-2)));
        assert_eq!(objects.item(value, "c"), None);
    }

    #[test]
    fn a_pickle_that_only_grows_is_stopped() {
        let lists: Vec<u8> = [0x80, 2].into_iter().chain([b']'; 600_000]).collect();
        assert!(
            error(&lists).contains("more than 500000"),
            "{}",
            error(&lists)
        );
        let nothings: Vec<u8> = [0x80, 2].into_iter().chain([b'N'; 600_000]).collect();
        assert!(error(&nothings).contains("more than 500000 values"));
        let marks: Vec<u8> = [0x80, 2].into_iter().chain([b'('; 600_000]).collect();
        assert!(error(&marks).contains("more than 500000 values"));
    }
}
