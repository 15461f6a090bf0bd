//! New files without a restart: seen by themselves, all or nothing, and conversations stay as they were.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::api;
use crate::common::client::Client;
use crate::common::daemon::{Daemon, Process};
use crate::common::receiver::Receiver;
use crate::common::shop::Shop;

/// Longest time from a saved file to the new answer. (On a quiet machine it is well below one second.)
const LIVE: Duration = Duration::from_secs(20);

const OPEN_TIME: &str = "2026-10-14T10:00:00+08:00";

/// An FAQ file that answers 质保年限 with these words.
fn warranty(answer: &str) -> String {
    format!(
        "faq:\n  - id: warranty.term\n    title: {{zh: 质保年限, en: Warranty}}\n    questions: [质保年限]\n    answer: {{zh: {answer}, en: {answer}}}\n"
    )
}

struct Story {
    shop: Shop,
    daemon: Daemon,
    customer: Client,
    _receiver: Receiver,
}

impl Story {
    /// A daemon that answers 质保年限 with 一年, and a customer at its socket.
    async fn begin() -> Self {
        let receiver = Receiver::start().await;
        let shop = Shop::small(&receiver);
        shop.write("faq/warranty.yaml", &warranty("一年"));
        Self::on(shop, receiver).await
    }

    async fn on(shop: Shop, receiver: Receiver) -> Self {
        let daemon = Daemon::start(&shop, OPEN_TIME).await;
        let customer = Client::new(daemon.address(), "zh-CN").await;
        let mut story = Self { shop, daemon, customer, _receiver: receiver };
        story.expect_soon("一年").await;
        story
    }

    async fn answer(&mut self) -> String {
        self.answer_to("质保年限").await
    }

    async fn answer_to(&mut self, question: &str) -> String {
        // A new customer each time, so that neither limits nor repeats matter.
        self.customer = Client::new(self.daemon.address(), "zh-CN").await;
        self.customer.say(question).await.texts().join("\n")
    }

    async fn expect_soon(&mut self, expected: &str) {
        self.expect_of("质保年限", expected).await;
    }

    /// Asks until the answer is there; nothing else is done to make it come.
    async fn expect_of(&mut self, question: &str, expected: &str) {
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < LIVE {
            last = self.answer_to(question).await;
            if last.contains(expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("after {LIVE:?} the answer is still {last:?}, not {expected:?}");
    }

    async fn reload(&self) -> api::Answered {
        api::post(&format!("http://{}/-/reload", self.daemon.address()), "", &[]).await
    }

    async fn metric(&self, name: &str) -> String {
        let url = format!("http://{}/metrics", self.daemon.address());
        let text = api::http().get(url).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| !line.starts_with('#') && line.contains(name));
        line.and_then(|line| line.rsplit(' ').next()).unwrap_or_else(|| panic!("no {name} in\n{text}")).to_owned()
    }

    async fn wait_for_metric(&self, name: &str, value: &str) {
        crate::common::wait_for(&format!("{name} {value}"), || async {
            (self.metric(name).await == value).then_some(())
        })
        .await;
    }
}

/// The live part of `docs/first-hour.md`.
#[tokio::test]
async fn the_first_hour_an_entry_comes_breaks_is_mended_and_goes() {
    const ENTRY: &str = "faq:
  - id: promotions.student
    title: {zh: 学生优惠, en: Student discount}
    questions: [学生有优惠吗, 有没有学生价, is there a student discount]
    answer: {zh: 凭学生证享九五折。, en: Students get 5% off.}
";
    const ASKED: &str = "学生有优惠吗";
    let mut story = Story::begin().await;
    let before = story.answer_to(ASKED).await;
    assert!(!before.is_empty() && !before.contains("九五折"), "{before}");
    story.shop.write("faq/students.yaml", ENTRY);
    story.expect_of(ASKED, "九五折").await;
    story.shop.write("faq/students.yaml", &ENTRY.replace("answer", "anwser").replace("九五折", "八折"));
    story.wait_for_metric("last_reload_successful", "0").await;
    assert!(story.answer_to(ASKED).await.contains("九五折"), "a broken file took the place of a good one");
    story.shop.write("faq/students.yaml", &ENTRY.replace("九五折", "九折"));
    story.expect_of(ASKED, "九折").await;
    fs::remove_file(story.shop.dir().join("faq/students.yaml")).unwrap();
    story.expect_of(ASKED, &before).await;
}

#[tokio::test]
async fn a_saved_file_is_live_at_once() {
    let mut story = Story::begin().await;
    story.shop.write("faq/warranty.yaml", &warranty("两年"));
    story.expect_soon("两年").await;
}

#[tokio::test]
async fn lesson_24_a_broken_file_changes_nothing_and_is_said_everywhere() {
    let mut story = Story::begin().await;
    story.wait_for_metric("last_reload_successful", "1").await;
    story.shop.write("faq/warranty.yaml", &warranty("两年").replace("answer", "anser"));
    story.wait_for_metric("last_reload_successful", "0").await;
    assert!(story.answer().await.contains("一年"), "the last good files stay in use");

    let refused = story.reload().await;
    assert_eq!((refused.status, refused.content_type.as_str()), (422, "application/problem+json"));
    let said = refused.json.to_string();
    assert!(said.contains("unknown-key") && said.contains("faq/warranty.yaml"), "{:#}", refused.json);
    assert!(story.answer().await.contains("一年"));

    story.shop.write("faq/warranty.yaml", &warranty("三年"));
    story.expect_soon("三年").await;
    story.wait_for_metric("last_reload_successful", "1").await;
    assert_eq!(story.reload().await.status, 200);
}

#[tokio::test]
async fn one_broken_file_keeps_the_others_changes_out_as_well() {
    let mut story = Story::begin().await;
    story.shop.write("rules/broken.yaml", "rules: [\n");
    story.shop.write("faq/warranty.yaml", &warranty("两年"));
    story.wait_for_metric("last_reload_successful", "0").await;
    assert!(story.answer().await.contains("一年"), "all files or none");
    fs::remove_file(story.shop.dir().join("rules/broken.yaml")).unwrap();
    story.expect_soon("两年").await;
}

#[tokio::test]
async fn lesson_24_conversations_live_on_untouched() {
    let mut story = Story::begin().await;
    story.daemon.turn_to("2026-10-14T20:00:00+08:00");
    let mut waiting = Client::new(story.daemon.address(), "zh-CN").await;
    let first = waiting.say("转人工").await;
    assert!(first.texts().iter().any(|text| text.contains("不在营业时间")), "{first:#?}");
    let before = api::transcript(story.daemon.address(), waiting.conversation()).await;

    story.shop.write("faq/warranty.yaml", &warranty("两年"));
    story.expect_soon("两年").await;
    assert_eq!(api::transcript(story.daemon.address(), waiting.conversation()).await, before, "a reload says nothing");
    let second = waiting.say("还有人吗，我的蓝色火烈鸟摆件").await;
    assert_eq!(second.texts(), Vec::<&str>::new(), "still queued, and the notice was given");
    let shown =
        api::get(&format!("http://{}/v1/conversations/{}", story.daemon.address(), waiting.conversation())).await;
    assert!(shown.json.to_string().contains("\"queued\""), "{:#}", shown.json);
}

#[tokio::test]
async fn a_file_that_is_renamed_into_place_is_live() {
    let mut story = Story::begin().await;
    let (new, file) = (story.shop.dir().join("faq/.warranty.yaml.tmp"), story.shop.dir().join("faq/warranty.yaml"));
    fs::write(&new, warranty("两年")).unwrap();
    fs::rename(&new, &file).unwrap();
    story.expect_soon("两年").await;
}

#[tokio::test]
async fn a_file_that_is_written_in_two_steps_ends_whole() {
    let mut story = Story::begin().await;
    let file = story.shop.dir().join("faq/warranty.yaml");
    let text = warranty("两年");
    let half = text.find("questions").unwrap();
    fs::write(&file, &text[..half]).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    fs::write(&file, &text).unwrap();
    story.expect_soon("两年").await;
    story.wait_for_metric("last_reload_successful", "1").await;
}

#[tokio::test]
async fn files_in_new_folders_and_files_that_go_are_noticed() {
    let mut story = Story::begin().await;
    let dir = story.shop.dir();
    fs::remove_file(dir.join("faq/warranty.yaml")).unwrap();
    // Nobody knows it any more, so a person is asked.
    story.expect_soon("已转给同事").await;
    story.shop.write("faq/care/2027/warranty.yaml", &warranty("两年"));
    story.expect_soon("两年").await;
    story.shop.write("faq/care/2027/warranty.yaml", &warranty("三年"));
    story.expect_soon("三年").await;
    fs::remove_dir_all(dir.join("faq/care")).unwrap();
    story.expect_soon("已转给同事").await;
}

#[tokio::test]
async fn a_folder_that_is_replaced_as_a_whole_is_still_watched() {
    let mut story = Story::begin().await;
    let dir = story.shop.dir();
    let replace = |answer: &str| {
        fs::create_dir(dir.join("faq.new")).unwrap();
        for file in ["shop.yaml", "warranty.yaml"] {
            fs::copy(dir.join("faq").join(file), dir.join("faq.new").join(file)).unwrap();
        }
        fs::write(dir.join("faq.new/warranty.yaml"), warranty(answer)).unwrap();
        fs::remove_dir_all(dir.join("faq")).unwrap();
        fs::rename(dir.join("faq.new"), dir.join("faq")).unwrap();
    };
    replace("两年");
    story.expect_soon("两年").await;
    story.shop.write("faq/warranty.yaml", &warranty("三年"));
    story.expect_soon("三年").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_mounted_volume_that_swaps_its_data_link_is_noticed() {
    use std::os::unix::fs::symlink;
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    // As Kubernetes mounts a ConfigMap: each file a link into `..data`, which is a link to a dated folder.
    let faq = shop.dir().join("faq");
    let fill = |folder: &Path, answer: &str| {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("warranty.yaml"), warranty(answer)).unwrap();
    };
    let swap = |to: &str| {
        symlink(to, faq.join("..data_tmp")).unwrap();
        fs::rename(faq.join("..data_tmp"), faq.join("..data")).unwrap();
    };
    fill(&faq.join("..2026_10_14"), "一年");
    swap("..2026_10_14");
    symlink("..data/warranty.yaml", faq.join("warranty.yaml")).unwrap();
    let mut story = Story::on(shop, receiver).await;

    fill(&faq.join("..2026_10_15"), "两年");
    swap("..2026_10_15");
    fs::remove_dir_all(faq.join("..2026_10_14")).unwrap();
    story.expect_soon("两年").await;
    fill(&faq.join("..2026_10_16"), "三年");
    swap("..2026_10_16");
    story.expect_soon("三年").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_reads_its_files_again_on_sighup() {
    let receiver = Receiver::start().await;
    let shop = Shop::small(&receiver);
    let process = Process::start(&shop);
    let successes = || async {
        let url = format!("http://{}/metrics", process.address);
        let text = api::http().get(url).send().await.unwrap().text().await.unwrap();
        let line =
            text.lines().find(|line| line.contains("last_reload_success_timestamp_seconds") && !line.starts_with('#'));
        line.map_or_else(
            || panic!("no time of the last reload in\n{text}"),
            |line| line.rsplit(' ').next().unwrap().to_owned(),
        )
    };
    let before = successes().await;
    // Nothing changed, so only the signal can make it read.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(successes().await, before);
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    crate::common::wait_for("a reload", || async { (successes().await != before).then_some(()) }).await;
}
