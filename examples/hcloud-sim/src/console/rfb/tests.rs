//! Sessions of a viewer on the level of bytes.

use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use super::super::guest::System;
use super::super::keyboard::Key;
use super::*;
use crate::clock::Clock;

const PASSWORD: &str = "long enough to be truncated";
const INCREMENTAL: u8 = 1;
const COMPLETE: u8 = 0;

fn booted() -> Machine {
    booted_by(&Clock::default())
}

fn booted_by(clock: &Clock) -> Machine {
    let machine = Machine::new(clock.clone());
    let system = System {
        hostname: "web1".into(),
        release: "Debian GNU/Linux 13".into(),
    };
    machine.power_on(system, clock.now());
    clock.advance(Duration::from_secs(2));
    machine
}

/// A minimal viewer that keeps the pixels it has received.
struct Client {
    stream: DuplexStream,
    session: JoinHandle<Result<(), ConsoleError>>,
    pixels: Vec<[u8; 4]>,
}

impl Client {
    fn dial(machine: &Machine) -> Self {
        let (stream, mut server) = tokio::io::duplex(1 << 16);
        let machine = machine.clone();
        let session = tokio::spawn(async move { serve(&mut server, &machine, PASSWORD).await });
        Self {
            stream,
            session,
            pixels: vec![[0x55; 4]; usize::from(WIDTH) * usize::from(HEIGHT)],
        }
    }

    /// Returns a viewer that has authenticated and knows the screen's size.
    async fn connect(machine: &Machine) -> Self {
        let mut client = Self::dial(machine);
        client.send_version(b"RFB 003.008\n").await;
        assert_eq!(client.receive(2).await, [1, 2]);
        client.send(&[2]).await;
        client.respond_to_challenge(PASSWORD).await;
        assert_eq!(client.receive(4).await, [0; 4]);
        client.send(&[1]).await;
        client.receive(20).await;
        let length = client.stream.read_u32().await.unwrap();
        assert_eq!(client.receive(length as usize).await, b"web1");
        client
    }

    async fn send_version(&mut self, version: &[u8]) {
        assert_eq!(self.receive(12).await, b"RFB 003.008\n");
        self.send(version).await;
    }

    async fn respond_to_challenge(&mut self, password: &str) {
        let challenge = self.receive(16).await.try_into().unwrap();
        self.send(&response_to(challenge, password)).await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn receive(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    async fn request_update(&mut self, incremental: u8) {
        let [w1, w0] = WIDTH.to_be_bytes();
        let [h1, h0] = HEIGHT.to_be_bytes();
        self.send(&[3, incremental, 0, 0, 0, 0, w1, w0, h1, h0])
            .await;
    }

    /// Receives an update in raw pixels, and returns the rectangles.
    async fn update(&mut self) -> Vec<[usize; 4]> {
        assert_eq!(self.receive(2).await[0], 0);
        let mut places = Vec::new();
        for _ in 0..self.stream.read_u16().await.unwrap() {
            let mut place = [0; 4];
            for number in &mut place {
                *number = usize::from(self.stream.read_u16().await.unwrap());
            }
            assert_eq!(
                self.stream.read_i32().await.unwrap(),
                Encoding::Raw.number()
            );
            let [x, y, width, height] = place;
            for row in y..y + height {
                let bytes = self.receive(width * 4).await;
                let start = row * usize::from(WIDTH) + x;
                self.pixels[start..start + width].copy_from_slice(bytes.as_chunks().0);
            }
            places.push(place);
        }
        places
    }

    async fn press(&mut self, keysym: u32) {
        let keysym = keysym.to_be_bytes();
        self.send(&[&[4, 1, 0, 0], &keysym[..], &[4, 0, 0, 0], &keysym[..]].concat())
            .await;
    }

    fn shows(&self, machine: &Machine) -> bool {
        let mut drawn = Vec::new();
        let screen = machine.watch().unwrap().screen();
        Picture::draw(&screen, &Area::ALL).encode(Encoding::Raw, PixelFormat::NATIVE, &mut drawn);
        self.pixels.as_flattened() == drawn
    }

    async fn ended(self) -> Result<(), ConsoleError> {
        self.session.await.unwrap()
    }
}

#[tokio::test]
async fn viewer_sees_the_screen_and_what_is_typed() {
    let machine = booted();
    let mut client = Client::connect(&machine).await;

    client.request_update(COMPLETE).await;
    client.update().await;
    assert!(client.shows(&machine));

    client.request_update(INCREMENTAL).await;
    client.press(u32::from('r')).await;
    assert_eq!(client.update().await, [[12 * 9, 3 * 16, 18, 16]]);
    assert!(client.shows(&machine));
    assert!(machine.text().ends_with("web1 login: r"));
}

#[tokio::test]
async fn changes_between_requests_are_sent_with_the_next_update() {
    let machine = booted();
    let mut client = Client::connect(&machine).await;
    client.request_update(COMPLETE).await;
    client.update().await;

    for character in "root".chars() {
        machine.press(Key::Character(character));
    }
    client.request_update(INCREMENTAL).await;

    assert_eq!(client.update().await, [[12 * 9, 3 * 16, 5 * 9, 16]]);
    assert!(client.shows(&machine));
}

#[tokio::test]
async fn viewers_of_one_machine_share_the_screen() {
    let machine = booted();
    let mut one = Client::connect(&machine).await;
    let mut two = Client::connect(&machine).await;
    two.request_update(COMPLETE).await;
    two.update().await;

    two.request_update(INCREMENTAL).await;
    one.press(u32::from('x')).await;

    two.update().await;
    assert!(two.shows(&machine));
}

#[tokio::test]
async fn wrong_password_is_rejected_with_a_reason() {
    let mut client = Client::dial(&booted());

    client.send_version(b"RFB 003.008\n").await;
    client.receive(2).await;
    client.send(&[2]).await;
    client.respond_to_challenge("guess").await;

    assert_eq!(client.receive(4).await, [0, 0, 0, 1]);
    let length = client.stream.read_u32().await.unwrap();
    assert_eq!(
        client.receive(length as usize).await,
        b"Authentication failed"
    );
    assert!(matches!(
        client.ended().await,
        Err(ConsoleError::WrongPassword)
    ));
}

#[tokio::test]
async fn older_versions_are_supported() {
    let machine = booted();

    let mut client = Client::dial(&machine);
    client.send_version(b"RFB 003.003\n").await;
    assert_eq!(client.receive(4).await, [0, 0, 0, 2]);
    client.respond_to_challenge(PASSWORD).await;
    assert_eq!(client.receive(4).await, [0; 4]);

    let mut client = Client::dial(&machine);
    client.send_version(b"RFB 003.007\n").await;
    assert_eq!(client.receive(2).await, [1, 2]);
    client.send(&[2]).await;
    client.respond_to_challenge("guess").await;
    assert_eq!(client.receive(4).await, [0, 0, 0, 1]);
    assert_eq!(
        client.stream.read_to_end(&mut Vec::new()).await.unwrap(),
        0,
        "3.7 knows no reason"
    );
}

#[tokio::test]
async fn password_is_truncated_to_eight_bytes() {
    let challenge = *b"0123456789abcdef";

    assert_eq!(
        response_to(challenge, "12345678"),
        response_to(challenge, "123456789")
    );
    assert_ne!(
        response_to(challenge, "1234567"),
        response_to(challenge, "12345678")
    );
}

#[tokio::test]
async fn pixel_format_of_the_viewer_is_used() {
    let mut client = Client::connect(&booted()).await;

    client
        .send(&[0, 0, 0, 0, 8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0])
        .await;
    client.send(&[3, COMPLETE, 0, 0, 0, 0, 0, 9, 0, 16]).await;

    let header = client.receive(16).await;
    assert_eq!(header[4..12], [0, 0, 0, 0, 0, 9, 0, 16]);
    assert_eq!(client.receive(9 * 16).await, [0; 9 * 16]);
}

#[tokio::test]
async fn hextile_is_used_if_the_viewer_supports_it() {
    let mut client = Client::connect(&booted()).await;

    client.send(&[2, 0, 0, 2, 0, 0, 0, 16, 0, 0, 0, 5]).await;
    client.request_update(COMPLETE).await;

    let header = client.receive(16).await;
    assert_eq!(header[12..], [0, 0, 0, 5]);
}

#[tokio::test]
async fn session_ends_with_the_power() {
    let machine = booted();
    let client = Client::connect(&machine).await;

    machine.power_off();

    assert!(client.ended().await.is_ok());
    assert!(matches!(
        Client::dial(&machine).ended().await,
        Err(ConsoleError::PoweredOff)
    ));
}

#[tokio::test]
async fn poweroff_in_the_shell_ends_the_session_and_ctrl_alt_del_does_not() {
    const RETURN: u32 = 0xff0d;
    let clock = Clock::default();
    let machine = booted_by(&clock);
    let mut client = Client::connect(&machine).await;

    for key in [0xffe3, 0xffe9, 0xffff] {
        client
            .send(&[&[4, 1, 0, 0][..], &u32::to_be_bytes(key)].concat())
            .await;
    }
    client.request_update(COMPLETE).await;
    client.update().await;
    assert!(machine.text().starts_with("Booting"));

    clock.advance(Duration::from_secs(2));
    for key in [0xffe3, 0xffe9] {
        client
            .send(&[&[4, 0, 0, 0][..], &u32::to_be_bytes(key)].concat())
            .await;
    }
    for line in ["root", "", "poweroff"] {
        for character in line.chars() {
            client.press(character.into()).await;
        }
        client.press(RETURN).await;
    }

    assert!(client.ended().await.is_ok());
    assert!(!machine.is_on());
}

#[tokio::test]
async fn viewer_may_disconnect() {
    let mut client = Client::connect(&booted()).await;

    client.stream.shutdown().await.unwrap();

    assert!(client.ended().await.is_ok());
}

#[tokio::test]
async fn clipboard_and_pointer_are_ignored() {
    let machine = booted();
    let mut client = Client::connect(&machine).await;

    client
        .send(&[6, 0, 0, 0, 0, 0, 0, 3, b'a', b'b', b'c'])
        .await;
    client.send(&[5, 1, 0, 10, 0, 10]).await;
    client.request_update(COMPLETE).await;

    client.update().await;
    assert!(client.shows(&machine));
}

#[tokio::test]
async fn request_outside_of_the_screen_is_ignored() {
    let machine = booted();
    let mut client = Client::connect(&machine).await;

    client
        .send(&[3, COMPLETE, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
        .await;
    client.send(&[3, COMPLETE, 0, 0, 0, 0, 0, 0, 0, 0]).await;
    client.request_update(COMPLETE).await;

    assert_eq!(client.update().await.len(), 25);
}

#[tokio::test]
async fn bad_input_ends_the_session() {
    let machine = booted();
    let huge_clipboard = [6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    let colour_map = [0, 0, 0, 0, 8, 8, 0, 0, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0];

    for message in [&huge_clipboard[..], &colour_map, &[99]] {
        let mut client = Client::connect(&machine).await;
        client.send(message).await;
        assert!(
            matches!(client.ended().await, Err(ConsoleError::Protocol(_))),
            "{message:?}"
        );
    }
    for greeting in [b"GET / HTTP/1", b"RFB 004.000\n"] {
        let mut client = Client::dial(&machine);
        client.send_version(greeting).await;
        assert!(
            matches!(client.ended().await, Err(ConsoleError::Protocol(_))),
            "{greeting:?}"
        );
    }
}

#[tokio::test]
async fn security_type_that_was_not_offered_is_rejected() {
    let mut client = Client::dial(&booted());

    client.send_version(b"RFB 003.008\n").await;
    client.send(&[1]).await;

    assert!(matches!(
        client.ended().await,
        Err(ConsoleError::Protocol(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn viewer_that_never_authenticates_is_disconnected() {
    let client = Client::dial(&booted());

    let (_stream, session) = (client.stream, client.session);

    assert!(matches!(
        session.await.unwrap(),
        Err(ConsoleError::TimedOut(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn viewer_that_does_not_read_is_disconnected() {
    let machine = booted();
    let mut client = Client::connect(&machine).await;

    client.request_update(COMPLETE).await;

    let (_stream, session) = (client.stream, client.session);
    assert!(matches!(
        session.await.unwrap(),
        Err(ConsoleError::TimedOut(_))
    ));
}
