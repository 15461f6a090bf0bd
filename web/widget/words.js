/**
 * nightdesk chat widget: a chat on any page by one tag,
 *   <script src="https://chat.example/widget.js" data-channel="web" defer></script>
 * which may also have data-lang (zh, zh-Hant, en; else the browser's), data-title (head of the panel), data-theme
 * (light, dark; else the system's) and data-server (the daemon; else where this script is from). The
 * page's CSS may set --nightdesk-accent; its scripts may call nightdesk.open(), .close() and .send(text).
 *
 * The files of this folder are served as one, words, look, talk, line, hands, in one function of their own.
 *
 * It owns the visitor's side of the protocol chat.v1.json: connection, resumption, order of the transcript, messages
 * not yet acknowledged. It decides no answer, loads nothing, sets no cookie, never makes markup of a text.
 */

// --- Settings and words

const script = document.currentScript || document.querySelector('script[src*="widget.js"]');
const given = script ? script.dataset : {};
const channel = given.channel || 'web';
const locale = given.lang || navigator.language || 'zh-CN';

/** Language of the panel's own words: zh, zh-Hant or en; % stands for what is filled in. */
const lang = /^zh\b.*(hant|tw|hk|mo)/i.test(locale) ? 'zh-Hant' : /^zh\b/i.test(locale) ? 'zh' : 'en';

const say = {};
for (const [name, ...words] of [
  ['title', '在线客服', '線上客服', 'Customer service'],
  ['close', '收起聊天窗口', '收起聊天視窗', 'Close the chat'],
  ['log', '聊天记录', '聊天記錄', 'Messages'],
  ['input', '请输入您的问题…', '請輸入您的問題…', 'Type your question…'],
  ['send', '发送', '傳送', 'Send'],
  ['options', '可选问题', '可選問題', 'Choices'],
  ['person', '转人工', '轉人工', 'Talk to a person'],
  ['urgent', '紧急情况', '緊急情況', 'Urgent'],
  ['urgentText', '紧急', '緊急', 'urgent'],
  ['earlier', '查看更早的消息', '查看更早的訊息', 'Show earlier messages'],
  ['visitor', '我', '我', 'You'],
  ['bot', '智能助手', '智能助手', 'Assistant'],
  ['human', '人工客服', '人工客服', 'Customer service'],
  ['typing', '对方正在输入…', '對方正在輸入…', 'Typing…'],
  ['connecting', '正在连接…', '正在連線…', 'Connecting…'],
  ['waiting', '连接中断，正在重新连接…', '連線中斷，正在重新連線…', 'Connection lost, trying again…'],
  ['stopped', '连接已断开', '連線已中斷', 'Disconnected'],
  ['again', '重新连接', '重新連線', 'Reconnect'],
  ['isBot', '机器人为您服务', '機器人為您服務', 'The assistant answers you'],
  ['isQueued', '排队中，请稍候', '排隊中，請稍候', 'Waiting for a colleague'],
  ['isPlace', '排队中，前面还有 % 位', '排隊中，前面還有 % 位', 'Waiting for a colleague, % ahead of you'],
  ['isFirst', '排队中，您排在第一位', '排隊中，您排在第一位', 'Waiting for a colleague, you are first in line'],
  ['isHuman', '人工客服为您服务', '人工客服為您服務', 'A colleague answers you'],
  ['isClosed', '会话已结束', '會話已結束', 'Ended'],
  ['isUrgent', '紧急：已通知值班同事', '緊急：已通知值班同事', 'Urgent: colleague on call alerted'],
  ['closed', '现在是非工作时间，机器人仍在线。', '現在是非工作時間，機器人仍在線。', 'We are closed; the assistant still answers.'],
  ['opens', '人工客服将于% 上班。', '人工客服將於% 上班。', ' A colleague answers from %.'],
  ['today', '今天', '今天', 'today'],
  ['tomorrow', '明天', '明天', 'tomorrow'],
  ['sending', '发送中…', '傳送中…', 'Sending…'],
  ['held', '等待网络…', '等待網路…', 'Waiting for the network…'],
  ['failed', '未送达', '未送達', 'Not delivered'],
  ['retry', '重试', '重試', 'Try again'],
  ['discard', '删除', '刪除', 'Delete'],
  ['unread', '% 条未读消息', '% 則未讀訊息', '% unread'],
  ['rate', '您的评分', '您的評分', 'Your rating'],
  ['why', '说说原因（选填）', '說說原因（選填）', 'Tell us why (optional)'],
  ['sendRating', '提交评价', '提交評價', 'Send rating'],
  ['rateFirst', '请先选择分数', '請先選擇分數', 'Choose a score first'],
  ['image', '[图片]', '[圖片]', '[picture]'],
  ['file', '[文件]', '[檔案]', '[file]'],
]) say[name] = words[['zh', 'zh-Hant', 'en'].indexOf(lang)];
const speech = lang === 'zh' ? 'zh-CN' : lang === 'zh-Hant' ? 'zh-TW' : 'en';

const format = (date, how) => date.toLocaleString(speech, Object.assign({ hour: 'numeric', minute: '2-digit' }, how));
/** Days from today, by the visitor's calendar. */
const daysTo = (date) => Math.round((new Date(date).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 864e5);
const clock = (date) => format(date, daysTo(date) ? { month: 'short', day: 'numeric' } : {});

/** 明天 09:00; 10月10日周六 09:00; with the zone where it is not the shop's. */
const opening = (iso) => {
  const date = new Date(iso), days = daysTo(date);
  const offset = /([+-])(\d\d):(\d\d)$/.exec(iso);
  const away = offset && +(offset[1] + (offset[2] * 60 + +offset[3])) !== -date.getTimezoneOffset();
  const how = away ? { timeZoneName: 'short' } : {};
  if (days === 0 || days === 1) return `${days ? say.tomorrow : say.today} ${format(date, how)}`;
  return format(date, Object.assign(how, { month: 'short', day: 'numeric', weekday: 'short' }));
};

// --- What outlives the page

const KEY = `nightdesk.${channel}`;
const OUT = `${KEY}.out.`; // an entry for each unsent message: tabs do not overwrite each other's
const OPEN = `${KEY}.open`;

/** Reads, writes or (null) removes an entry. */
const keep = (area, key, value) => {
  try {
    const storage = window[area];
    if (value === undefined) return JSON.parse(storage.getItem(key));
    if (value === null) storage.removeItem(key); else storage.setItem(key, JSON.stringify(value));
  } catch { /* forbidden or full: the chat only forgets */ }
  return null;
};
