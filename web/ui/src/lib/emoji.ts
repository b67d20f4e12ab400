// The emoji of the picker with words to find them by, in both languages. Every symbol of the text in front of a "|" is one
// entry of its row.

export interface Emoji {
  char: string;
  words: string;
}
export type Category = "smileys" | "people" | "nature" | "food" | "activity" | "travel" | "objects" | "symbols";

const DATA: Record<Category, string> = {
  smileys:
    "😀 grin 笑|😃 happy 开心|😄 smile 大笑|😁 beam 嘻嘻|😆 laugh 哈哈|😅 sweat 汗|🤣 rofl 笑哭|😂 joy tears 笑死|🙂 slight 微笑|🙃 upside down 倒|😉 wink 眨眼|😊 blush 害羞 微笑|😇 angel 天使|🥰 love hearts 爱|😍 heart eyes 花痴|🤩 star struck 崇拜|😘 kiss 亲|😗 kissing 亲|😋 yum 好吃|😛 tongue 吐舌|😜 crazy wink 调皮|🤪 zany 疯|🤗 hug 抱|🤭 oops 捂嘴|🤫 quiet 嘘|🤔 think 思考|🤐 zip 闭嘴|🤨 eyebrow 怀疑|😐 neutral 无语|😑 blank 无语|😶 speechless 沉默|😏 smirk 得意|😒 unamused 不满|🙄 roll eyes 白眼|😬 grimace 尴尬|😌 relieved 安心|😔 pensive 失落|😪 sleepy 困|🤤 drool 流口水|😴 sleep 睡|😷 mask 口罩|🤒 ill fever 发烧|🤧 sneeze 喷嚏|🥵 hot 热|🥶 cold 冷|😵 dizzy 晕|🤯 mind blown 震惊|🥳 party 庆祝|😎 cool 酷|🤓 nerd 书呆|🧐 monocle 研究|😕 confused 困惑|😟 worried 担心|🙁 frown 不开心|😮 wow 哇|😲 astonished 吃惊|😳 flushed 脸红|🥺 plead 求|😦 frowning 惊|😨 fear 怕|😰 anxious 焦虑|😥 sad sweat 难过|😢 cry 哭|😭 sob 大哭|😱 scream 尖叫|😞 disappointed 失望|😩 weary 累|🥱 yawn 哈欠|😤 huff 哼|😠 angry 生气|😡 rage 愤怒|🤬 swear 骂|😈 devil 恶魔|💀 skull 骷髅|💩 poop 便便|🤡 clown 小丑|👻 ghost 鬼|👽 alien 外星人|🤖 robot 机器人|😺 cat 猫|🙈 see no evil 不看|🙊 speak no evil 不说",
  people:
    "👋 wave hello 你好 再见|🤚 hand 手|✋ stop 停|🖖 vulcan 长寿|👌 ok 好|🤌 pinched 手势|✌️ victory 耶|🤞 luck 好运|🤟 love you 爱你|🤘 rock 摇滚|🤙 call me 打电话|👈 left 左|👉 right 右|👆 up 上|👇 down 下|👍 yes thumbs up 赞 好|👎 no thumbs down 踩|✊ fist 拳|👊 punch 拳|👏 clap 鼓掌|🙌 hooray 万岁|👐 open hands 手|🤝 deal handshake 握手 合作|🙏 thanks please 谢谢 拜托|✍️ write 写|💪 strong 加油 强|👀 eyes 看|🧠 brain 大脑|👶 baby 宝宝|🧒 child 孩子|👦 boy 男孩|👧 girl 女孩|🧑 person 人|👨 man 男人|👩 woman 女人|👴 grandpa 爷爷|👵 grandma 奶奶|🙋 raise hand 举手|🤦 facepalm 捂脸|🤷 shrug 不知道|💁 info 说明|🙇 bow 鞠躬 抱歉|👨‍💻 coder 程序员|👩‍💻 coder 程序员|👩‍🏫 teacher 老师|👩‍⚕️ doctor 医生|🧑‍🍳 cook 厨师|🏃 run 跑|💃 dance 跳舞|👫 couple 情侣|👨‍👩‍👧 family 家庭",
  nature:
    "🐶 dog 狗|🐱 cat 猫|🐭 mouse 鼠|🐰 rabbit 兔|🦊 fox 狐狸|🐻 bear 熊|🐼 panda 熊猫|🐨 koala 考拉|🐯 tiger 虎|🦁 lion 狮|🐮 cow 牛|🐷 pig 猪|🐸 frog 蛙|🐵 monkey 猴|🐔 chicken 鸡|🐧 penguin 企鹅|🐦 bird 鸟|🕊️ dove peace 鸽子 和平|🦆 duck 鸭|🦉 owl 猫头鹰|🐴 horse 马|🦄 unicorn 独角兽|🐝 bee 蜜蜂|🦋 butterfly 蝴蝶|🐢 turtle 龟|🐍 snake 蛇|🐉 dragon 龙|🐳 whale 鲸|🐬 dolphin 海豚|🐟 fish 鱼|🐘 elephant 象|🌵 cactus 仙人掌|🎄 tree 圣诞树|🌲 pine 松|🌱 seedling 芽|🍀 clover luck 幸运|🎋 bamboo 竹|🍁 maple 枫叶|🍂 autumn 秋|🌹 rose 玫瑰|🌸 blossom 樱花|🌻 sunflower 向日葵|🌙 moon 月|⭐ star 星|🌟 glow 闪|☀️ sun 太阳|⛅ cloud 多云|🌧️ rain 雨|⛈️ storm 雷|❄️ snow 雪|🌈 rainbow 彩虹|🔥 fire 火|💧 drop 水|🌊 wave 浪 海",
  food:
    "🍎 apple 苹果|🍐 pear 梨|🍊 orange 橙|🍋 lemon 柠檬|🍌 banana 香蕉|🍉 watermelon 西瓜|🍇 grapes 葡萄|🍓 strawberry 草莓|🍑 peach 桃|🥭 mango 芒果|🍍 pineapple 菠萝|🥥 coconut 椰子|🍅 tomato 番茄|🥕 carrot 胡萝卜|🌽 corn 玉米|🌶️ pepper hot 辣椒|🍞 bread 面包|🥐 croissant 牛角|🧀 cheese 奶酪|🍳 egg 蛋|🥩 meat 肉|🍔 burger 汉堡|🍟 fries 薯条|🍕 pizza 披萨|🌮 taco 卷饼|🍜 noodles 面条|🍚 rice 米饭|🍣 sushi 寿司|🥟 dumpling 饺子|🥡 takeout 外卖|🥢 chopsticks 筷子|🍦 ice cream 冰淇淋|🍩 donut 甜甜圈|🍪 cookie 饼干|🎂 cake birthday 生日 蛋糕|🥮 mooncake 月饼|🍫 chocolate 巧克力|🍬 candy 糖|🍵 tea 茶|☕ coffee 咖啡|🧋 bubble tea 奶茶|🍺 beer 啤酒|🍻 cheers 干杯|🍷 wine 红酒|🥤 drink 饮料",
  activity:
    "⚽ football 足球|🏀 basketball 篮球|🏈 american football 橄榄球|⚾ baseball 棒球|🎾 tennis 网球|🏐 volleyball 排球|🏓 ping pong 乒乓球|🏸 badminton 羽毛球|🥊 boxing 拳击|🏊 swim 游泳|🚴 bike 骑车|🧘 yoga 瑜伽|🏆 trophy 奖杯|🥇 gold first 金牌|🥈 silver 银牌|🥉 bronze 铜牌|🎯 target 目标|🎮 game 游戏|🎲 dice 骰子|🀄 mahjong 麻将|🧩 puzzle 拼图|🎨 art 画|🎭 theatre 戏|🎤 sing 唱歌|🎧 headphones 耳机|🎸 guitar 吉他|🎹 piano 钢琴|🎬 film 电影|🎉 party tada 庆祝 恭喜|🎊 confetti 庆祝|🎈 balloon 气球|🎁 gift 礼物|🧧 red envelope 红包|🏮 lantern 灯笼|🎆 fireworks 烟花",
  travel:
    "🚗 car 汽车|🚕 taxi 出租车|🚌 bus 公交|🚑 ambulance 救护车|🚚 truck 卡车|🚲 bicycle 自行车|🛵 scooter 电动车|🚄 train 高铁|🚇 metro 地铁|✈️ plane 飞机|🚀 rocket 火箭|🛸 ufo 飞碟|⛵ boat 船|🚢 ship 轮船|⚓ anchor 锚|🚦 traffic light 红绿灯|🗺️ map 地图|🏔️ mountain 山|🏖️ beach 海滩|🏕️ camping 露营|🏠 house home 家|🏢 office 办公室|🏥 hospital 医院|🏫 school 学校|🏭 factory 工厂|🏯 castle 城堡|🗼 tower 塔|⛩️ shrine 神社|🌃 night 夜|🌅 sunrise 日出|🌏 earth 地球",
  objects:
    "⌚ watch 手表|📱 phone 手机|💻 laptop 电脑|⌨️ keyboard 键盘|🖨️ printer 打印机|📷 camera 相机|🎥 video 视频|📞 telephone 电话|🔋 battery 电池|🔌 plug 插头|💡 idea bulb 主意|🔦 torch 手电|📖 book 书|📚 books 书|📝 memo note 笔记|✏️ pencil 铅笔|📌 pin 图钉|📎 clip 回形针|✂️ scissors 剪刀|📁 folder 文件夹|📅 calendar 日历|📈 chart up 上涨|📉 chart down 下跌|📦 box package 包裹|✉️ letter 信|📧 email 邮件|🔒 lock 锁|🔑 key 钥匙|🔨 hammer 锤|🔧 wrench tool 工具|⚙️ gear 设置|🧪 test 实验|💊 pill 药|🩺 doctor 听诊|🧹 broom 打扫|🛒 cart 购物|💰 money 钱|💳 card 卡|💎 gem 钻石|👓 glasses 眼镜|👕 shirt 衣服|👟 shoe 鞋|🎓 graduate 毕业|☂️ umbrella 伞|🔔 bell 铃|⏰ alarm 闹钟|⏳ wait 等待",
  symbols:
    "❤️ heart love 爱心|🧡 orange heart 橙心|💛 yellow heart 黄心|💚 green heart 绿心|💙 blue heart 蓝心|💜 purple heart 紫心|🖤 black heart 黑心|🤍 white heart 白心|💔 broken 心碎|💕 hearts 爱|💯 hundred 满分|✅ done check 完成 对|☑️ check 勾|❌ no cross 错 不|❓ question 问|❗ exclamation 注意|‼️ important 重要|⚠️ warning 警告|🚫 forbidden 禁止|⛔ stop 停|♻️ recycle 回收|➕ plus 加|➖ minus 减|✖️ times 乘|➡️ right 右|⬅️ left 左|⬆️ up 上|⬇️ down 下|🔄 refresh 刷新|🔴 red 红|🟡 yellow 黄|🟢 green 绿|🔵 blue 蓝|⚫ black 黑|⚪ white 白|💬 speech 聊天|💤 sleep 睡|✨ sparkles 闪|💥 boom 爆|💢 anger 怒|🎵 music 音乐|🔗 link 链接|🏁 finish 终点|🆗 ok 好|🆕 new 新|🆒 cool 酷|㊗️ congratulations 祝",
};

export const CATEGORIES = Object.keys(DATA) as Category[];

export const EMOJI: Record<Category, Emoji[]> = Object.fromEntries(
  CATEGORIES.map((c) => [
    c,
    DATA[c].split("|").map((e) => {
      const space = e.indexOf(" ");
      return { char: e.slice(0, space), words: e.slice(space + 1) };
    }),
  ]),
) as Record<Category, Emoji[]>;

/** Emoji one of whose words begins with, or contains, what was typed. */
export function findEmoji(typed: string): Emoji[] {
  const w = typed.trim().toLowerCase();
  if (w === "") return [];
  return CATEGORIES.flatMap((c) => EMOJI[c]).filter((e) => e.words.includes(w));
}
