//! Frames: what is written reads back, and any other bytes are refused or are
//! the one encoding of what they say.

#![allow(clippy::unwrap_used)]

use block::chain::{Link, OpId, Outcome};
use block::kinds::{self, Cursor};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use trust::attach::{Channel, Nonce};
use trust::sign::Signature;
use trust::{AgentId, Moment};
use wire::frame::{Answer, Body, Ended, MOST_FRAME, NoFrame, Op, Refused, Request, Shape, next};
use wire::{Code, ask};

fn written(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), NoFrame>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode(&mut out).unwrap();
    let (frame, length) = next(&out[6..]).unwrap().unwrap();
    assert_eq!(length, out.len() - 6);
    frame.to_vec()
}

proptest! {
    #[test]
    fn every_op_reads_back(
        code in 1_u8..=9, id: u128, patience: u32, key: Vec<u8>, value: Vec<u8>,
        class in option::of("[a-z]{0,9}"), number: u32, place: [u8; 24], to: [u8; 32], stands: bool,
    ) {
        let kind = kinds::by_code(code).unwrap();
        let body = match Shape::of(kind) {
            Shape::Record => Body::Record { key: &key },
            Shape::Value => Body::Value { key: &key, value: &value, class: class.as_deref() },
            Shape::Message => Body::Message { to: AgentId(to), message: &value },
            Shape::Place => Body::Place(Cursor::from_bytes(&place).unwrap()),
            Shape::Stance => Body::Stance { class: class.as_deref().unwrap_or_default(), stands },
            Shape::Nothing => Body::Nothing,
            Shape::Bytes => Body::Bytes(&value),
        };
        let request = Request::Op(number, Op { kind, id: OpId(id), patience, body });
        let frame = written(|out| request.encode(out));
        prop_assert_eq!(Request::decode(&frame).unwrap(), request);
        for cut in 0..frame.len() {
            prop_assert!(Request::decode(&frame[..cut]).is_err());
        }
        let long = [&frame[..], b"x"].concat();
        prop_assert_eq!(Request::decode(&long), Err(NoFrame::Rest(1)));
    }

    #[test]
    fn every_answer_reads_back(
        number: u32, id: u128, sequence: u64, time: u64, link: [u8; 32], outcome in 1_u8..=3, tries: u8, again: bool,
        before in option::of(any::<u64>()), value in option::of(vec(any::<u8>(), 0..99)),
        why in option::of(".{0,20}"), code in 1_u8..=16, retry_after in option::of(any::<u64>()),
        right in option::of((".{0,9}", any::<u64>())), channel in option::of(any::<[u8; 32]>()),
    ) {
        let outcome = Outcome::from_number(outcome).unwrap();
        let (value, text) = (value.as_deref(), why.as_deref());
        let ended = Ended {
            id: OpId(id), sequence, time: Moment(time), link: Link(link), outcome, tries, again, before, value, why: text,
        };
        let right = right.as_ref().map(|(region, index)| (region.as_str(), *index));
        let code = Code::from_number(code).unwrap();
        let refused = Refused { code, what: "what", field: text, retry_after, right };
        for answer in [
            Answer::Ended(number, ended),
            Answer::Refused(number, refused),
            Answer::Challenged(number, Nonce(link), channel.map(Channel)),
            Answer::Proved(number),
            Answer::Pong(number),
            Answer::Closed("why"),
        ] {
            let frame = written(|out| answer.encode(out));
            prop_assert_eq!(Answer::decode(&frame).unwrap(), answer);
            prop_assert!(Answer::decode(&frame[..frame.len() - 1]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_refused_or_the_one_encoding(bytes: Vec<u8>) {
        for kind in 1..=5 {
            let frame = [&[kind][..], &bytes].concat();
            if let Ok(request) = Request::decode(&frame) {
                prop_assert_eq!(&written(|out| request.encode(out)), &frame);
            }
        }
        for kind in 129..=134 {
            let frame = [&[kind][..], &bytes].concat();
            if let Ok(answer) = Answer::decode(&frame) {
                prop_assert_eq!(&written(|out| answer.encode(out)), &frame);
            }
        }
    }
}

#[test]
fn the_rest_of_a_clients_frames_read_back() {
    for request in [
        Request::Challenge(7, "a lease"),
        Request::Prove(8, Signature([9; 64])),
        Request::Ping(u32::MAX),
        Request::Close,
    ] {
        let frame = written(|out| request.encode(out));
        assert_eq!(Request::decode(&frame).unwrap(), request);
    }
}

#[test]
fn a_frame_has_a_longest_length() {
    let most = u32::try_from(MOST_FRAME).unwrap();
    assert_eq!(next(&most.to_be_bytes()), Ok(None));
    assert_eq!(next(&(most + 1).to_be_bytes()), Err(NoFrame::Long(MOST_FRAME + 1)));
    let huge = vec![0; MOST_FRAME];
    let kind = kinds::by_name("echo").unwrap();
    let op = Op { kind, id: OpId(1), patience: 0, body: Body::Bytes(&huge) };
    let mut out = vec![1];
    assert!(matches!(Request::Op(1, op).encode(&mut out), Err(NoFrame::Long(_))));
    assert_eq!(out, [1], "what does not fit is taken back");
    let wrong = Op { body: Body::Record { key: b"k" }, ..op };
    assert!(Request::Op(1, wrong).encode(&mut out).is_err());
}

#[test]
fn every_kind_of_op_has_a_body_in_json() {
    let known: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).filter(|name| *name != "panic").collect();
    let mut bodies = ask::KINDS.to_vec();
    for name in known {
        assert!(bodies.contains(&name), "{name}");
        bodies.retain(|body| *body != name);
    }
    assert!(bodies.is_empty(), "{bodies:?} are no kinds");
}
